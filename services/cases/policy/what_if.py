"""Which open deadlines would move if versions of policy counted already. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import Connection, Engine

from services.cases.deadlines import tasks as deadlines
from services.cases.model.case import Case, DecisionContext
from services.cases.model.states import TERMINAL
from services.cases.policy.book import Book, Version
from services.cases.routing.rule_source import RuleSource
from services.cases.store import tables
from services.kit.clock import Clock

BATCH_ROWS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Shift:
    """One deadline that would move: whose case, who owes what, by when now and by when then."""

    case: str
    organisation: str
    act: str
    before: date | None
    now: date | None


def what_if(
    engine: Engine, clock: Clock, rule_source: RuleSource, new: Sequence[Version]
) -> Iterator[Shift]:
    """The deadlines of open cases that would be others with ``new`` in force from the beginning."""
    after = "00000000-0000-0000-0000-000000000000"
    while True:
        with engine.connect() as tx:
            ids = (
                tx.exec_driver_sql(
                    "SELECT id::text FROM transfer_case WHERE id > %s::uuid AND state <> ALL (%s) "
                    "ORDER BY id LIMIT %s",
                    (after, sorted(TERMINAL), BATCH_ROWS_MAX),
                )
                .scalars()
                .all()
            )
            if not ids:
                return
            shifts = list(_shifts(tx, ids, rule_source.context(tx, clock.now()), new))
        yield from shifts
        after = ids[-1]


def _shifts(
    tx: Connection, ids: Sequence[str], context: DecisionContext, new: Sequence[Version]
) -> Iterator[Shift]:
    book = context.book or Book.of(context.policy)
    tried = Book.of(
        book.base, (*book.versions, *(replace(version, effective_from=date.min) for version in new))
    )
    then = replace(context, book=tried, policy=tried.at(context.today))
    for case in tables.load(tx, list(ids)).values():
        before, after = _dues(case, context), _dues(case, then)
        for organisation, act in sorted(before.keys() | after.keys()):
            was, would = before.get((organisation, act)), after.get((organisation, act))
            if was != would:
                yield Shift(case.id, organisation, act, was, would)


def _dues(case: Case, context: DecisionContext) -> dict[tuple[str, str], date | None]:
    """(organisation, act) -> due day of everything that the case waits for."""
    settled = deadlines.settle(case, context)
    dues = {
        (task.organisation, task.act): task.due_on
        for task in deadlines.tasks(settled, context)
        if task.kind not in deadlines.ALERT_ONLY
    }
    if settled.wait_organisation and settled.wait_act:
        dues[settled.wait_organisation, settled.wait_act] = settled.wait_due
    return dues
