"""guidui: the command line (docs/interface.md §1). Exit 0 done, 1 done with failures, 2 bad usage
or bad input.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from typer.core import TyperGroup


class _Commands(TyperGroup):
    """All commands: what keeps one from doing its work is said in a sentence, wherever it comes
    from.
    """

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except Exception as error:
            hindrance = _hindrance(error)
            if hindrance is None:
                raise
            _fail(*hindrance)


def _hindrance(error: Exception) -> tuple[str, int] | None:
    """The sentence and the exit code of an error that says what the machine lacks; None of any
    other.
    """
    from sqlalchemy.exc import OperationalError

    from services.kit.errors import CannotStart
    from services.kit.kafka_install import KafkaUnavailable
    from services.kit.postgres_host import PostgresUnavailable

    if isinstance(error, CannotStart):
        return str(error), 2
    if isinstance(error, (KafkaUnavailable, PostgresUnavailable)):
        return str(error), 1
    if isinstance(error, OperationalError):
        return f"the database does not do its part: {str(error.orig).strip().splitlines()[0]}", 1
    return None


cli = typer.Typer(
    name="guidui",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="归队: keeps a party member's organisational relation moving with the member.",
)
keys = typer.Typer(no_args_is_help=True, help="API keys: create, list, revoke.")
accounts = typer.Typer(
    no_args_is_help=True, help="Accounts of persons who sign in: create, list, end, reset."
)
what_ifs = typer.Typer(no_args_is_help=True, help="What a change would do, before it is made.")
desk = typer.Typer(
    no_args_is_help=True, help="What could not be handled: list, retry, skip; resume a consumer."
)
number_ranges = typer.Typer(no_args_is_help=True, help="Numbers of letters.")
rules = typer.Typer(
    no_args_is_help=True, help="A department's own rules of destination: load, list, end."
)
models = typer.Typer(no_args_is_help=True, help="Versions of the identity model: fit, use, list.")
token_keys = typer.Typer(
    no_args_is_help=True, help="Keys for senders that may not send identity numbers: create, end."
)
clusters = typer.Typer(
    no_args_is_help=True, help="PostgreSQL, real Kafka and every role, supervised, on this machine."
)
cli.add_typer(keys, name="key")
cli.add_typer(accounts, name="account")
cli.add_typer(clusters, name="cluster")
cli.add_typer(models, name="model")
cli.add_typer(token_keys, name="token-key")
cli.add_typer(rules, name="rule")
cli.add_typer(what_ifs, name="what-if")
cli.add_typer(number_ranges, name="numbers")
cli.add_typer(desk, name="desk")

Data = Annotated[
    Path | None, typer.Option(help="data directory of the embedded database (GUIDUI_DATA)")
]
Id = Annotated[str, typer.Argument(metavar="ID")]
Port = Annotated[int, typer.Option(min=1, max=65535)]
Host = Annotated[
    str, typer.Option(help="address to listen on; a reverse proxy with TLS belongs in front")
]


def _settings(data: Path | None = None):
    from services.kit import log
    from services.kit.settings import read_settings

    settings = read_settings(data)
    log.configure(settings.log_level)
    return settings


def _fail(words: str, code: int = 2) -> NoReturn:
    print(f"guidui: {words}", file=sys.stderr)
    raise typer.Exit(code)


@cli.command()
def run(
    data: Data = None,
    port: Port = 8000,
    demo: Annotated[
        bool, typer.Option(help="load a real county with made-up people on first start")
    ] = False,
) -> None:
    """Everything in one process on the embedded PostgreSQL."""
    from services import embedded

    raise typer.Exit(embedded.run(_settings(data), port, demo))


@cli.command()
def intake(port: Port = 8001, host: Host = "127.0.0.1") -> None:
    """Role of the cluster: takes events over HTTP and from topic ingress."""
    _roles().intake(_settings(), port, host)


@cli.command()
def portal(port: Port = 8002, host: Host = "127.0.0.1") -> None:
    """Role of the cluster: pages and the calls of receivers and departments."""
    _roles().portal(_settings(), port, host)


@cli.command()
def matcher() -> None:
    """Role of the cluster: who is it, where do they belong; and the clock of the cases."""
    _roles().consumer(_settings(), "matcher")


@cli.command()
def notifier() -> None:
    """Role of the cluster: notices and their delivery."""
    _roles().consumer(_settings(), "notifier")


@cli.command()
def relay() -> None:
    """Role of the cluster: carries the event log to Kafka and finds what a consumer missed."""
    _roles().relay(_settings())


def _roles():
    from services import roles

    return roles


@clusters.command("up")
def cluster_up(
    data: Data = None,
    workers: Annotated[int, typer.Option(min=1, max=12)] = 1,
    brokers: Annotated[int, typer.Option(help="1 or 3")] = 1,
    port: Port = 8000,
    foreground: Annotated[bool, typer.Option(help="stay, instead of in the background")] = False,
) -> None:
    """Start the cluster; returns once it is ready."""
    from services import cluster

    if brokers not in (1, 3):
        _fail("--brokers must be 1 or 3")
    from services.kit.weak_secrets import refuse_weak

    settings = _settings(data)
    refuse_weak(settings)
    raise typer.Exit(cluster.up(settings.made_data(), workers, brokers, foreground, port))


@clusters.command("down")
def cluster_down(data: Data = None) -> None:
    """End the cluster."""
    from services import cluster

    settings = _settings(data)
    if not settings.data.is_dir():
        _fail(f"there is no data directory {settings.data.resolve()}")
    raise typer.Exit(cluster.down(settings.data))


@clusters.command("status")
def cluster_status(
    data: Data = None, as_json: Annotated[bool, typer.Option("--json")] = False
) -> None:
    """What runs, and whether all of it is ready."""
    from services import cluster

    seen = cluster.status(_settings(data).data)
    if as_json:
        print(json.dumps(seen))
    else:
        print(f"{'ready' if seen['ready'] else 'not ready'} {seen['http'] or ''}")
        front = [{"role": "front", **seen["front"]}] if seen["front"] else []
        for process in [*seen["processes"], *front]:
            print(
                f"  {process['role']:<14} pid {process['pid'] or '-':<8} restarts "
                f"{process['restarts']}"
            )
    raise typer.Exit(0 if seen["ready"] else 1)


@cli.command()
def migrate() -> None:
    """Bring the database of DATABASE_OWNER_URL (else the embedded one) to the newest schema; create
    Kafka's topics.
    """
    from services.kit.migrations import migrate as bring_up
    from services.kit.postgres import EmbeddedServer
    from services.kit.weak_secrets import refuse_weak

    settings = _settings()
    refuse_weak(settings)
    if settings.database_owner_url:
        bring_up(
            settings.database_owner_url,
            _login(settings.database_url) or "guidui_app",
            _login(settings.database_web_url) or "guidui_pages",
        )
        if settings.kafka_bootstrap:
            from services.cluster import create_topics
            from services.kit.kafka_clients import Kafka

            create_topics(Kafka.of(settings))
        if settings.database_url:
            from services.embedded import ensure_divisions, own_house

            with own_house(settings, pseudonyms=False) as house:
                ensure_divisions(house.worker)
        return
    if settings.database_url:
        _fail("DATABASE_OWNER_URL is not set: migrations need the owner's login")
    with EmbeddedServer.borrow(settings.made_data()) as server:
        print(f"guidui: data directory {settings.data.resolve()}", file=sys.stderr)
        bring_up(server.owner_url())


def _login(url: str | None) -> str | None:
    """The login in a database's address."""
    from sqlalchemy.engine import make_url

    return make_url(url).username if url else None


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


@cli.command()
def load(kind: str, file: Path, data: Data = None) -> None:
    """Load KIND (divisions, organisations, members, contacts, grids, letters, confirmed, calendar,
    policy) from FILE.
    """
    from services.cases.backlog import open_letters
    from services.embedded import ensure_divisions, own_house
    from services.registry.load import Hooks
    from services.registry.load import load as load_file
    from services.registry.sheets import BadFile
    from services.wiring import after_load, follow_tree

    if kind not in KINDS:
        _fail(f"no kind {kind!r}; choose one of {', '.join(KINDS)}")
    if not file.is_file():
        _fail(f"no such file: {file}")
    with own_house(_settings(data), creates=True) as house:
        if kind == "policy":
            from services.policies import load_policy

            raise typer.Exit(load_policy(house, file))
        if kind == "divisions":
            ensure_divisions(house.worker)  # a newer edition lies over the one that ships
        hooks = Hooks(
            lambda tx, rows: open_letters(tx, rows, house.clock.now(), house.ground), [follow_tree]
        )
        try:
            result = load_file(house.worker, kind, file, house.clock, hooks)
        except BadFile as error:
            _fail(f"{error.words.zh} {error.words.en}")
        for line in after_load(house, kind):
            print(line)
    print(result.words.zh)
    print(result.words.en, file=sys.stderr)
    raise typer.Exit(1 if result.bad else 0)


@what_ifs.command("policy")
def what_if_policy(file: Annotated[Path, typer.Option()], data: Data = None) -> None:
    """Whose deadlines would move if the policy in FILE counted for everything that is open. Changes
    nothing.
    """
    from services.embedded import own_house
    from services.policies import try_policy

    with own_house(_settings(data)) as house:
        raise typer.Exit(try_policy(house, file))


@keys.command("create")
def key_create(
    role: Annotated[str, typer.Option(help="sender, receiver, department, admin, operator")],
    organisation: Annotated[str, typer.Option(help="code; none for an operator")] = "",
    data: Data = None,
) -> None:
    """Print a new API key of an organisation (or of an operator), and nothing else, on stdout."""
    from services.portal.issuing import issue_key
    from services.registry.security_log import NOBODY

    with _worker(data) as (house, tx):
        print(issue_key(tx, NOBODY, organisation or None, role, house.clock.now()))


@keys.command("list")
def key_list(
    organisation: Annotated[str, typer.Option(help="only of this code")] = "", data: Data = None
) -> None:
    """Keys: id, organisation, role, created, revoked. Never the keys themselves."""
    from services.registry.access import list_keys

    with _worker(data) as (_, tx):
        for row in list_keys(tx, organisation or None):
            print(
                row.id,
                row.organisation or "-",
                row.role,
                row.created_at.isoformat(),
                row.revoked_at.isoformat() if row.revoked_at else "-",
            )


@keys.command("revoke")
def key_revoke(
    key: Annotated[str, typer.Argument(metavar="ID", help="id of a key (guidui key list)")] = "",
    organisation: Annotated[str, typer.Option(help="every key of this code instead of one")] = "",
    data: Data = None,
) -> None:
    """End a key, by its id; with --organisation every key of that organisation."""
    from services.portal.issuing import end_key
    from services.registry.access import list_keys
    from services.registry.security_log import NOBODY

    if bool(key) == bool(organisation):
        _fail("name either the id of a key (guidui key list) or --organisation")
    ident = _ident(key, "key") if key else None
    with _worker(data) as (house, tx):
        ids = (
            [ident]
            if ident
            else [row.id for row in list_keys(tx, organisation) if row.revoked_at is None]
        )
        for one in ids:
            end_key(tx, NOBODY, one, house.clock.now())


@contextmanager
def _worker(data: Path | None):
    """(house, transaction of the worker); what is refused ends the program with its sentence."""
    from services.embedded import own_house
    from services.kit.errors import Refused

    with own_house(_settings(data)) as house, house.worker.begin() as tx:
        try:
            yield house, tx
        except Refused as error:
            _fail(f"{error.words.zh} {error.words.en}")


def _ident(text: str, kind: str):
    from uuid import UUID

    try:
        return UUID(text)
    except ValueError:
        _fail(
            f"{text} is not the id of {'an account' if kind == 'account' else 'a key'} (guidui "
            f"{kind} list)"
        )


@number_ranges.command("assign")
def numbers_assign(
    organisation: Annotated[str, typer.Option()],
    first: Annotated[int, typer.Option()],
    last: Annotated[int, typer.Option()],
    prefix: Annotated[str, typer.Option()] = "",
    digits: Annotated[int, typer.Option()] = 6,
    data: Data = None,
) -> None:
    """Give an organisation a range of letter numbers: PREFIX and FIRST to LAST, DIGITS wide."""
    from services.cases.numbers import NumberRange, assign_range
    from services.embedded import own_house
    from services.kit.errors import Refused

    with own_house(_settings(data)) as house, house.worker.begin() as tx:
        try:
            given = NumberRange(prefix, first, last, digits)
            print(assign_range(tx, organisation, given, house.clock.now()))
        except Refused as error:
            _fail(f"{error.words.zh} {error.words.en}")


@number_ranges.command("void")
def numbers_void(
    organisation: Annotated[str, typer.Option()],
    number: Annotated[str, typer.Option()],
    reason: Annotated[str, typer.Option()],
    data: Data = None,
) -> None:
    """Make a free number void, such as that of a spoilt form."""
    from services.cases.numbers import void_number
    from services.embedded import own_house
    from services.kit.errors import Refused

    with own_house(_settings(data)) as house, house.worker.begin() as tx:
        try:
            void_number(tx, organisation, number, reason, house.clock.now(), None)
        except Refused as error:
            _fail(f"{error.words.zh} {error.words.en}")


@desk.command("list")
def desk_list(data: Data = None) -> None:
    """What waits for a decision: id, consumer, type, organisation, attempts, reason."""
    from services.embedded import own_house
    from services.kit import dead_letters

    with own_house(_settings(data)) as house, house.worker.begin() as tx:
        for letter in dead_letters.listed(tx):
            print(
                letter.id,
                letter.consumer,
                letter.type,
                letter.organisation or "-",
                letter.attempts,
                letter.reason_zh,
                letter.reason_en,
                sep="\t",
            )


@desk.command("retry")
def desk_retry(letter: int, data: Data = None) -> None:
    """Try a dead letter again, then what waited behind it."""
    from services.embedded import own_house
    from services.kit import dead_letters
    from services.kit.errors import Refused
    from services.wiring import HANDLERS

    with own_house(_settings(data)) as house:
        subscriptions = [make(house) for make in HANDLERS.values()]
        try:
            words = dead_letters.retry(house.worker, letter, subscriptions, house.clock)
        except Refused as error:
            _fail(f"{error.words.zh} {error.words.en}")
        if words is not None:
            _fail(f"{words.zh} {words.en}", 1)


@desk.command("skip")
def desk_skip(letter: int, data: Data = None) -> None:
    """Give a dead letter up, and handle what waited behind it."""
    from services.embedded import own_house
    from services.kit import dead_letters
    from services.kit.errors import Refused
    from services.wiring import HANDLERS

    with own_house(_settings(data)) as house:
        subscriptions = [make(house) for make in HANDLERS.values()]
        try:
            dead_letters.skip(house.worker, letter, subscriptions, house.clock)
        except Refused as error:
            _fail(f"{error.words.zh} {error.words.en}")


@desk.command("resume")
def desk_resume(consumer: str, data: Data = None) -> None:
    """Let a consumer go on that has stopped because too much failed."""
    from services.embedded import own_house
    from services.kit.consumer import resume

    with own_house(_settings(data)) as house:
        resume(house.worker, consumer)


@accounts.command("create")
def account_create(
    role: Annotated[str, typer.Option(help="secretary, clerk, department, admin, operator")],
    name: Annotated[str, typer.Option()],
    organisation: Annotated[str, typer.Option(help="code; none for an operator")] = "",
    data: Data = None,
) -> None:
    """Make an account (secretary, clerk, department, admin, operator) and print its one-time
    password.
    """
    from services.portal.issuing import open_account
    from services.registry.security_log import NOBODY

    with _worker(data) as (house, tx):
        print(open_account(tx, NOBODY, organisation or None, role, name, house.clock.now()))


@accounts.command("list")
def account_list(
    organisation: Annotated[str, typer.Option(help="only of this code")] = "", data: Data = None
) -> None:
    """Accounts: id, organisation, role, name, created, last sign-in, ended. Never a password."""
    from services.portal.accounts import list_accounts

    with _worker(data) as (_, tx):
        for row in list_accounts(tx, organisation or None):
            days = (row.created_at, row.signed_in_at, row.ended_at)
            print(
                row.id,
                row.organisation or "-",
                row.role,
                row.name,
                *(day.isoformat() if day else "-" for day in days),
            )


@accounts.command("end")
def account_end(account: Id, data: Data = None) -> None:
    """End an account, by its id: its sessions end at once, and nobody signs in with it."""
    from services.portal.issuing import end_account
    from services.registry.security_log import NOBODY

    ident = _ident(account, "account")
    with _worker(data) as (house, tx):
        end_account(tx, NOBODY, ident, house.clock.now())


@accounts.command("reset")
def account_reset(account: Id, data: Data = None) -> None:
    """Print a fresh one-time password for an account, by its id; its sessions end."""
    from services.portal.issuing import reset_account
    from services.registry.security_log import NOBODY

    ident = _ident(account, "account")
    with _worker(data) as (house, tx):
        print(reset_account(tx, NOBODY, ident, house.clock.now()))


@rules.command("load")
def rule_load(
    file: Path,
    organisation: Annotated[str, typer.Option(help="the department whose rules they are")],
    data: Data = None,
) -> None:
    """Set rules of destination from FILE (CSV or JSON Lines: row, area, under, destination, from,
    until, source).
    """
    from services.cases import overrides
    from services.embedded import own_house
    from services.kit.errors import Refused
    from services.registry.directory import Directory

    with own_house(_settings(data)) as house, house.worker.begin() as tx:
        directory = Directory.of(tx)
        read: list[overrides.Override] = []
        number = 1
        try:
            for row in _sheet(file, overrides.COLUMNS, overrides.NEEDED):
                number = len(read) + 1
                read.append(overrides.read(row, organisation, directory, house.clock.now()))
            overrides.keep(tx, read, directory)
        except Refused as error:
            _fail(f"{file.name}, 第 {number} 条 (row {number}): {error.words.zh} {error.words.en}")
    print(f"{len(read)} rules set")


@rules.command("list")
def rule_list(data: Data = None) -> None:
    """All rules of destination that departments set: id, department, row, area, under, destination,
    from, until, source.
    """
    from services.cases import overrides
    from services.embedded import own_house

    with own_house(_settings(data)) as house, house.worker.begin() as tx:
        for one in overrides.stored(tx):
            print(
                one.id,
                one.organisation,
                one.row or "-",
                one.area or "-",
                one.under or "-",
                one.destination,
                one.begins,
                one.until or "-",
                "ended" if one.ended_at else "stands",
                one.source,
            )


@rules.command("end")
def rule_end(rule: Id, data: Data = None) -> None:
    """End a rule, by its id, for moves that begin from now on."""
    from services.cases import overrides
    from services.embedded import own_house

    with own_house(_settings(data)) as house, house.worker.begin() as tx:
        if not overrides.end(tx, rule, house.clock.now()):
            _fail(f"no rule has the id {rule}, or it has ended")


def _sheet(file: Path, columns, needed) -> list[dict[str, str]]:
    """The rows of a CSV or JSON Lines file by column."""
    from services.registry.sheets import BadFile, open_sheet

    if not file.is_file():
        _fail(f"no such file: {file}")
    try:
        with open_sheet(file, list(columns), needed) as sheet:
            return [
                dict(zip(columns, row.cells, strict=True))
                for row in sheet.rows()
                if row.fault is None
            ]
    except BadFile as error:
        _fail(f"{error.words.zh} {error.words.en}")


@what_ifs.command("destination")
def what_if_destination(
    file: Annotated[Path, typer.Option()],
    since: Annotated[str | None, typer.Option(help="YYYY-MM-DD, default a year ago")] = None,
    organisation: Annotated[str | None, typer.Option(help="the department of the rules")] = None,
    data: Data = None,
) -> None:
    """What a change of rule would have done to past cases: JSON with counts and examples; changes
    nothing.

    FILE: rules as `guidui rule load` takes them, or a changed decision table (.json).
    """
    from datetime import timedelta

    from schemas.days import read_day
    from services.cases.calendar import midnight
    from services.cases.overrides import COLUMNS, NEEDED
    from services.cases.rule_trial import changed_rules, what_if
    from services.embedded import own_house
    from services.kit.errors import Refused
    from services.registry.directory import Directory

    given = None if file.suffix == ".json" and file.is_file() else _sheet(file, COLUMNS, NEEDED)
    with own_house(_settings(data)) as house, house.worker.begin() as tx:
        tx.exec_driver_sql("SET TRANSACTION READ ONLY")
        now = house.clock.now()
        try:
            start = midnight(read_day(since)) if since else now - timedelta(days=365)
            table, drafts = changed_rules(file, given, organisation, Directory.of(tx), now)
        except Refused as error:
            _fail(f"{error.words.zh} {error.words.en}")
        except ValueError:
            _fail(f"{since} is not a day such as 2026-11-23")
        print(json.dumps(what_if(tx, start, rules=table, drafts=drafts), ensure_ascii=False))


@cli.command()
def post(file: str) -> None:
    """Send CloudEvents (JSON Lines; - reads standard input) to GUIDUI_URL with GUIDUI_KEY; one
    answer line per event.
    """
    from services.post import post_lines

    raise typer.Exit(post_lines(file, _settings()))


@cli.command()
def resolve(
    inp: Annotated[Path, typer.Option("--in")],
    out: Annotated[Path, typer.Option("--out")],
    learn: Annotated[Path | None, typer.Option()] = None,
) -> None:
    """Addresses to communities (docs/interface.md §4). No server needed."""
    from services.kit.garbage import collect_seldom
    from services.matcher.address_file import resolve_file

    collect_seldom()
    raise typer.Exit(resolve_file(inp, out, learn, cache=_settings().cache))


@cli.command()
def identify(
    members: Annotated[Path, typer.Option()],
    inp: Annotated[Path, typer.Option("--in")],
    out: Annotated[Path, typer.Option("--out")],
) -> None:
    """Persons to members (docs/interface.md §5). No server needed."""
    from services.kit.garbage import collect_seldom
    from services.matcher.identity_file import identify_files

    collect_seldom()
    raise typer.Exit(identify_files(members, inp, out))


@models.command("fit")
def model_fit(
    version: Annotated[str, typer.Option(help="name of the new version, such as identity-2")],
    out: Annotated[Path, typer.Option(help="where to write it")],
    data: Data = None,
) -> None:
    """Fit a new version of the identity model to what people decided on the review desk."""
    from services.embedded import own_house
    from services.kit.errors import Refused
    from services.matcher.model_fit import refitted
    from services.matcher.model_store import in_force
    from services.matcher.reviewed import groups

    with own_house(_settings(data)) as house, house.worker.begin() as tx:
        try:
            made, worth = refitted(in_force(tx).data, groups(tx), version)
        except Refused as error:
            _fail(f"{error.words.zh} {error.words.en}", 1)
    out.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(json.dumps({"version": version, **worth}))


@models.command("use")
def model_use(
    version: Annotated[
        str, typer.Argument(help="a version that is kept, or the file of a new one")
    ],
    data: Data = None,
) -> None:
    """Let a version of the identity model judge from now on; a file is kept first. Old versions
    stay.
    """
    from services.embedded import own_house
    from services.kit.errors import Refused
    from services.matcher import model_store

    file = Path(version)
    with own_house(_settings(data)) as house, house.worker.begin() as tx:
        try:
            if file.is_file():
                made = json.loads(file.read_text("utf-8"))
                model_store.add(tx, made, house.clock.now())
                version = made["version"]
            model_store.switch(tx, version)
        except (ValueError, KeyError) as error:
            _fail(f"{file} is no model: {error!r}")
        except Refused as error:
            _fail(f"{error.words.zh} {error.words.en}")
    print(version)


@models.command("list")
def model_list(data: Data = None) -> None:
    """All versions of the identity model: which one judges, when each was made, from how many
    decisions.
    """
    from services.embedded import own_house
    from services.matcher.model_store import versions

    with own_house(_settings(data)) as house, house.worker.begin() as tx:
        for one in versions(tx):
            print(
                "*" if one["in_force"] else " ",
                one["version"],
                one["made_at"].isoformat() if one["made_at"] else "shipped",
                one["rows"] or "-",
            )


@token_keys.command("create")
def token_key_create(organisation: Annotated[str, typer.Option()], data: Data = None) -> None:
    """Agree a token key with a sender: print it (hexadecimal), and nothing else, and compute every
    member's token.
    """
    from services.embedded import own_house
    from services.kit.errors import Refused
    from services.registry.tokens import agree

    with own_house(_settings(data)) as house, house.worker.begin() as tx:
        try:
            print(agree(tx, organisation, house.clock.now()))
        except Refused as error:
            _fail(f"{error.words.zh} {error.words.en}")


@token_keys.command("end")
def token_key_end(organisation: Annotated[str, typer.Option()], data: Data = None) -> None:
    """End the token key of a sender and forget the tokens made with it."""
    from services.embedded import own_house
    from services.registry.tokens import end

    with own_house(_settings(data)) as house, house.worker.begin() as tx:
        if not end(tx, organisation):
            _fail(f"no token key is agreed with {organisation}")


@cli.command("four-eyes")
def four_eyes(
    organisation: Annotated[str, typer.Option()],
    off: Annotated[bool, typer.Option("--off")] = False,
    data: Data = None,
) -> None:
    """Ask for two persons (or, --off, one) per review of what an organisation and all below it
    post.
    """
    from services.embedded import own_house
    from services.matcher.four_eyes import rule
    from services.registry.directory import Directory

    with own_house(_settings(data)) as house, house.worker.begin() as tx:
        found = Directory.of(tx).get(organisation)
        if found is None:
            _fail(f"no organisation has the code {organisation}")
        rule(tx, found.path, not off, house.clock.now())


@cli.command()
def erase(data: Data = None) -> None:
    """Erase what is left of persons who are no members (the matcher does it every ten minutes);
    prints the figure.
    """
    from services.embedded import own_house
    from services.matcher.erasure import erase_decided
    from services.records.erasure import erasure

    with own_house(_settings(data)) as house:
        erase_decided(house.worker, house.clock)
        with house.worker.begin() as tx:
            print(json.dumps(erasure(tx, house.clock.now())))


@cli.command()
def simulate(
    scenario: Annotated[
        Path | None, typer.Option(help="one history, as JSON (docs/interface.md §6)")
    ] = None,
    city: Annotated[int | None, typer.Option(help="members of a made-up city", min=20)] = None,
    years: Annotated[float, typer.Option(min=0.05, max=20)] = 1.0,
    seed: Annotated[int, typer.Option(help="the same seed and commit give the same history")] = 1,
) -> None:
    """Play one history, or a made-up city with its faults, on a clock it turns, in a throw-away
    database.
    """
    from services.kit import log

    log.configure("error")
    if (scenario is None) == (city is None):
        _fail("give either --scenario F or --city N")
    if city is not None:
        _city(city, years, seed)
    assert scenario is not None  # else there is a city
    from services.simulate import NotAScenario, play_file

    try:
        answer, ok = play_file(scenario)
    except NotAScenario as error:
        _fail(str(error))
    print(json.dumps(answer, ensure_ascii=False))
    for step in answer["steps"]:
        if not step["ok"]:
            said = step.get("refused", {}).get("reason") or "differs from what was expected"
            print(f"step {step['index']}: {said}", file=sys.stderr)
    raise typer.Exit(0 if ok else 1)


def _city(members: int, years: float, seed: int) -> NoReturn:
    from services.city.report import commit
    from services.city.run import simulate as play_city

    print(f"seed {seed}\ncommit {commit()}\nmembers {members}\nyears {years:g}", flush=True)
    report = play_city(members, years, seed, lambda line: print(line, file=sys.stderr, flush=True))
    for name, count in sorted(report.counts.items()):
        print(f"{name} {count}")
    print(
        f"broken invariants {len(report.broken)}\nhistory {report.digest}\nseconds "
        f"{report.seconds:.0f}"
    )
    for broken in report.broken:
        print(f"broken: {broken.check}: {broken.about}: {broken.seen}", file=sys.stderr)
    raise typer.Exit(0 if report.ok else 1)


@cli.command()
def bench(
    name: str,
    as_json: Annotated[bool, typer.Option("--json")] = False,
    scale: Annotated[float, typer.Option(min=0.001, max=100, help="size: 1 as documented")] = 1.0,
) -> None:
    """Measure NAME (address, identity, pipeline, embedded, latency, ...) beside something
    comparable in the same run.
    """
    from services.bench import run_bench

    raise typer.Exit(run_bench(name, as_json, _settings(), scale))


@cli.command()
def statement(
    day: Annotated[str | None, typer.Option(help="YYYY-MM-DD, default today")] = None,
    data: Data = None,
) -> None:
    """The completeness statement of a day, as JSON; its difference is 0."""
    from schemas.days import read_day
    from services.cases.calendar import day_of
    from services.cases.routing import OPENING
    from services.embedded import own_house
    from services.records.completeness import statement as state

    try:
        chosen = read_day(day) if day else None
    except ValueError:
        _fail(f"{day} is not a day such as 2026-11-23")
    with own_house(_settings(data)) as house, house.worker.begin() as tx:
        print(json.dumps(state(tx, chosen or day_of(house.clock.now()), sorted(OPENING))))


def main() -> None:
    """Entry point."""
    cli()


if __name__ == "__main__":
    main()
