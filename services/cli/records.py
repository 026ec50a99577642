"""Commands about what the service knows: registers, rules, letter numbers, statements, erasure."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.shell import Code, Data, Id, fail, group, keep_act, opened, transaction

if TYPE_CHECKING:
    from services.app import App
    from services.registry.security_log import Result

KINDS = (
    "divisions",
    "organisations",
    "members",
    "contacts",
    "grids",
    "letters",
    "confirmed",
    "calendar",
    "policy",
)
number_ranges = group("Numbers of letters.")
rules = group("A department's own rules of destination: load, list, end.")
what_ifs = group("What a change would do, before it is made.")


def load(kind: str, file: Path, data: Data = None) -> None:
    """Load a register, letters, a calendar or a policy from FILE.

    KIND: divisions, organisations, members, contacts, grids, letters, confirmed, calendar, policy.
    """
    from services.app import after_load, follow_tree
    from services.cases.store.backlog import open_letters
    from services.cli.policies import load_policy
    from services.cluster.one_process import ensure_divisions
    from services.registry.load import Hooks
    from services.registry.load import load as load_file
    from services.registry.tabular import BadFile

    if kind not in KINDS:
        fail(f"no kind {kind!r}; choose one of {', '.join(KINDS)}")
    if not file.is_file():
        fail(f"no such file: {file}")
    with opened(data, creates=True) as app, _kept_load(app, kind) as load_act:
        if kind == "policy":
            status = load_policy(app, file)
            load_act.result = "refused" if status else "done"
            raise typer.Exit(status)
        if kind == "divisions":
            # A newer edition lies over the one that ships.
            ensure_divisions(app.worker)

        def open_cases(tx, rows):
            return open_letters(tx, rows, app.clock.now(), app.rule_source)

        try:
            result = load_file(app.worker, kind, file, app.clock, Hooks(open_cases, [follow_tree]))
        except BadFile as error:
            load_act.result = "refused"
            fail(f"{error.words.zh} {error.words.en}")
        for line in after_load(app, kind):
            print(line)
        load_act.result = "done"
    print(result.words.zh)
    print(result.words.en, file=sys.stderr)
    raise typer.Exit(1 if result.bad else 0)


@dataclass
class _LoadAct:
    """What became of a load."""

    result: Result = "failed"


@contextmanager
def _kept_load(app: App, kind: str) -> Generator[_LoadAct]:
    """Keeps in the security log that a load began, and at the end what became of it.

    The first row stands whatever happens to the process, because a load commits part by part.
    """
    from services.registry import security_log

    with app.worker.begin() as tx:
        keep_act(app, tx, "load-begun", kind)
    act = _LoadAct()
    try:
        yield act
    finally:
        security_log.record(
            app.worker,
            app.clock.now(),
            "operator_act",
            security_log.SHELL,
            result=act.result,
            about=kind,
            detail="load",
            path="",
        )


@number_ranges.command("assign")
def numbers_assign(
    organisation: Code,
    first: Annotated[int, typer.Option()],
    last: Annotated[int, typer.Option()],
    prefix: Annotated[str, typer.Option()] = "",
    digits: Annotated[int, typer.Option()] = 6,
    data: Data = None,
) -> None:
    """Give an organisation a range of letter numbers: PREFIX and FIRST to LAST, DIGITS wide."""
    from services.cases.store.numbers import NumberRange, assign_range

    given = NumberRange(prefix, first, last, digits)
    with transaction(data) as (app, tx):
        print(assign_range(tx, organisation, given, app.clock.now()))
        keep_act(app, tx, "numbers-assign", "letter_number", organisation=organisation)


@number_ranges.command("void")
def numbers_void(
    organisation: Code,
    number: Annotated[str, typer.Option()],
    reason: Annotated[str, typer.Option()],
    data: Data = None,
) -> None:
    """Make a free number void, such as that of a spoilt form."""
    from services.cases.store.numbers import void_number

    with transaction(data) as (app, tx):
        void_number(tx, organisation, number, reason, app.clock.now(), None)
        keep_act(app, tx, "numbers-void", "letter_number", organisation=organisation)


@rules.command("load")
def rule_load(
    file: Path,
    organisation: Annotated[str, typer.Option(help="the department whose rules they are")],
    data: Data = None,
) -> None:
    """Set rules of destination from FILE.

    FILE: CSV or JSON Lines with row, area, under, destination, from, until, source.
    """
    from services.cases.routing import overrides
    from services.kit.errors import Refused
    from services.registry.directory import Directory

    sheet = _read_sheet(file, overrides.COLUMNS, overrides.NEEDED)
    with transaction(data) as (app, tx):
        directory = Directory.of(tx)
        drafts: list[overrides.Override] = []
        try:
            for row in sheet:
                drafts.append(overrides.read(row, organisation, directory, app.clock.now()))
        except Refused as error:
            number = len(drafts) + 1
            fail(f"{file.name}, 第 {number} 条 (row {number}): {error.words.zh} {error.words.en}")
        overrides.keep(tx, drafts, directory)
        keep_act(app, tx, "rule-load", "rule", organisation=organisation)
    print(f"{len(drafts)} rules set")


@rules.command("list")
def rule_list(data: Data = None) -> None:
    """All rules of destination that departments set.

    Each line: id, department, row, area, under, destination, from, until, its state, source.
    """
    from services.cases.routing import overrides

    with transaction(data) as (_, tx):
        for rule in overrides.stored(tx):
            print(
                rule.id,
                rule.organisation,
                rule.row or "-",
                rule.area or "-",
                rule.under or "-",
                rule.destination,
                rule.begins,
                rule.until or "-",
                "ended" if rule.ended_at else "stands",
                rule.source,
            )


@rules.command("end")
def rule_end(rule: Id, data: Data = None) -> None:
    """End a rule, by its id, for moves that begin from now on."""
    from services.cases.routing import overrides

    with transaction(data) as (app, tx):
        if not overrides.end(tx, rule, app.clock.now()):
            fail(f"no rule has the id {rule}, or it has ended")
        keep_act(app, tx, "rule-end", "rule", reference=rule)


@what_ifs.command("policy")
def what_if_policy(file: Annotated[Path, typer.Option()], data: Data = None) -> None:
    """Whose deadlines would move if the policy in FILE counted. Changes nothing."""
    from services.cli.policies import try_policy

    with opened(data) as app:
        raise typer.Exit(try_policy(app, file))


@what_ifs.command("destination")
def what_if_destination(
    file: Annotated[Path, typer.Option()],
    since: Annotated[str | None, typer.Option(help="YYYY-MM-DD, default a year ago")] = None,
    organisation: Annotated[str | None, typer.Option(help="the department of the rules")] = None,
    data: Data = None,
) -> None:
    """What a change of rule would have done to past cases. Changes nothing.

    Prints JSON with counts and examples.
    FILE: rules as `guidui rule load` takes them, or a changed decision table (.json).
    """
    from datetime import timedelta

    from schemas.days import read_day
    from services.cases.deadlines.calendar import midnight
    from services.cases.routing.overrides import COLUMNS, NEEDED
    from services.cases.routing.rule_trial import changed_rules, what_if
    from services.registry.directory import Directory

    is_table = file.suffix == ".json" and file.is_file()
    rows = None if is_table else _read_sheet(file, COLUMNS, NEEDED)
    with transaction(data) as (app, tx):
        tx.exec_driver_sql("SET TRANSACTION READ ONLY")
        now = app.clock.now()
        try:
            start = midnight(read_day(since)) if since else now - timedelta(days=365)
            table, drafts = changed_rules(file, rows, organisation, Directory.of(tx), now)
        except ValueError:
            fail(f"{since} is not a day such as 2026-11-23")
        print(json.dumps(what_if(tx, start, rules=table, drafts=drafts), ensure_ascii=False))


def _read_sheet(file: Path, columns: Sequence[str], needed: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a CSV or JSON Lines file by column."""
    from services.registry.tabular import BadFile, open_sheet

    if not file.is_file():
        fail(f"no such file: {file}")
    try:
        with open_sheet(file, list(columns), needed) as sheet:
            return [
                dict(zip(columns, row.cells, strict=True))
                for row in sheet.rows()
                if row.fault is None
            ]
    except BadFile as error:
        fail(f"{error.words.zh} {error.words.en}")


def erase(data: Data = None) -> None:
    """Erase what is left of persons who are no members, and print the figure.

    The matcher does it every ten minutes.
    """
    from services.matcher.erasure import erase_decided
    from services.records.erasure import erasure

    with opened(data) as app:
        erase_decided(app.worker, app.clock)
        with app.worker.begin() as tx:
            print(json.dumps(erasure(tx, app.clock.now())))
            keep_act(app, tx, "erase", "person")


def statement(
    day: Annotated[str | None, typer.Option(help="YYYY-MM-DD, default today")] = None,
    data: Data = None,
) -> None:
    """The completeness statement of a day, as JSON; its difference is 0."""
    from schemas.days import read_day
    from services.cases.deadlines.calendar import day_of
    from services.cases.routing.decision_table import OPENING
    from services.records import completeness

    try:
        chosen = read_day(day) if day else None
    except ValueError:
        fail(f"{day} is not a day such as 2026-11-23")
    with transaction(data) as (app, tx):
        today = day_of(app.clock.now())
        print(json.dumps(completeness.statement(tx, chosen or today, sorted(OPENING))))
