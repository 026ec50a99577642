"""guidui: the command line (interface.md §1). Exit 0 done, 1 done with failures, 2 bad usage or bad input."""
from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Annotated, NoReturn

import typer

cli = typer.Typer(name="guidui", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
                  help="归队: keeps a party member's organisational relation moving with the member.")
keys = typer.Typer(no_args_is_help=True, help="API keys: create, list, revoke.")
accounts = typer.Typer(no_args_is_help=True, help="Accounts of persons who sign in.")
what_ifs = typer.Typer(no_args_is_help=True, help="What a change would do, before it is made.")
clusters = typer.Typer(no_args_is_help=True, help="PostgreSQL, real Kafka and every role, supervised, on this machine.")
cli.add_typer(keys, name="key")
cli.add_typer(accounts, name="account")
cli.add_typer(clusters, name="cluster")
cli.add_typer(what_ifs, name="what-if")

Data = Annotated[Path | None, typer.Option(help="data directory of the embedded database (GUIDUI_DATA)")]
Port = Annotated[int, typer.Option(min=1, max=65535)]
Host = Annotated[str, typer.Option(help="address to listen on; a reverse proxy with TLS belongs in front")]


def _settings(data: Path | None = None):
    from services.kit import log
    from services.kit.settings import Settings
    settings = Settings(**({"data": data} if data else {}))
    log.configure(settings.log_level)
    return settings


def _fail(words: str, code: int = 2) -> NoReturn:
    print(f"guidui: {words}", file=sys.stderr)
    raise typer.Exit(code)


@cli.command()
def run(data: Data = None, port: Port = 8000,
        demo: Annotated[bool, typer.Option(help="load a real county with made-up people on first start")] = False) -> None:
    """Everything in one process on the embedded PostgreSQL."""
    from services import embedded
    from services.kit.postgres_host import PostgresUnavailable
    try:
        raise typer.Exit(embedded.run(_settings(data), port, demo))
    except PostgresUnavailable as error:
        _fail(str(error), 1)


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
def cluster_up(data: Data = None, workers: Annotated[int, typer.Option(min=1, max=12)] = 1,
               brokers: Annotated[int, typer.Option(help="1 or 3")] = 1, port: Port = 8000,
               foreground: Annotated[bool, typer.Option(help="stay, instead of in the background")] = False) -> None:
    """Start the cluster; returns once it is ready."""
    from services import cluster
    if brokers not in (1, 3):
        _fail("--brokers must be 1 or 3")
    raise typer.Exit(cluster.up(_settings(data).data, workers, brokers, foreground, port))


@clusters.command("down")
def cluster_down(data: Data = None) -> None:
    """End the cluster."""
    from services import cluster
    raise typer.Exit(cluster.down(_settings(data).data))


@clusters.command("status")
def cluster_status(data: Data = None, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """What runs, and whether all of it is ready."""
    from services import cluster
    seen = cluster.status(_settings(data).data)
    if as_json:
        print(json.dumps(seen))
    else:
        print(f"{'ready' if seen['ready'] else 'not ready'} {seen['http'] or ''}")
        for one in seen["processes"]:
            print(f"  {one['role']:<14} pid {one['pid'] or '-':<8} restarts {one['restarts']}")
    raise typer.Exit(0 if seen["ready"] else 1)


@cli.command()
def migrate() -> None:
    """Bring the database of DATABASE_OWNER_URL (else the embedded one) to the newest schema; create Kafka's topics."""
    from services.kit.migrations import migrate as bring_up
    from services.kit.postgres import EmbeddedServer
    settings = _settings()
    if settings.database_owner_url:
        from sqlalchemy.engine import make_url
        login = make_url(settings.database_url).username if settings.database_url else None
        bring_up(settings.database_owner_url, login or "guidui_app")
        if settings.kafka_bootstrap:
            from services.cluster import create_topics
            from services.kit.kafka_clients import Kafka
            create_topics(Kafka.of(settings))
        if settings.database_url:
            from services.embedded import ensure_divisions, own_house
            with own_house(settings) as house:
                ensure_divisions(house.worker)
        return
    if settings.database_url:
        _fail("DATABASE_OWNER_URL is not set: migrations need the owner's login")
    with EmbeddedServer.borrow(settings.data) as server:
        bring_up(server.owner_url())


KINDS = ("divisions", "organisations", "members", "contacts", "grids", "letters", "confirmed", "calendar", "policy")


@cli.command()
def load(kind: str, file: Path, data: Data = None) -> None:
    """Load KIND (divisions, organisations, members, contacts, grids, letters, confirmed, calendar, policy) from FILE."""
    from services.cases.backlog import open_letters
    from services.embedded import own_house
    from services.registry.load import Hooks
    from services.registry.load import load as load_file
    from services.registry.sheets import BadFile
    from services.wiring import after_load, follow_tree
    if kind not in KINDS:
        _fail(f"no kind {kind!r}; choose one of {', '.join(KINDS)}")
    if not file.is_file():
        _fail(f"no such file: {file}")
    with own_house(_settings(data)) as house:
        if kind == "policy":
            from services.policies import load_policy
            raise typer.Exit(load_policy(house, file))
        hooks = Hooks(lambda tx, rows: open_letters(tx, rows, house.clock.now(), house.ground), [follow_tree])
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
    """Whose deadlines would move if the policy in FILE counted for everything that is open. Changes nothing."""
    from services.embedded import own_house
    from services.policies import try_policy
    with own_house(_settings(data)) as house:
        raise typer.Exit(try_policy(house, file))


@keys.command("create")
def key_create(organisation: Annotated[str, typer.Option()], role: Annotated[str, typer.Option()],
               data: Data = None) -> None:
    """Print a new API key of an organisation, and nothing else, on stdout."""
    from services.embedded import own_house
    from services.kit.errors import Refused
    from services.registry.access import create_key
    with own_house(_settings(data)) as house, house.worker.begin() as tx:
        try:
            print(create_key(tx, organisation, role, house.clock.now()))
        except Refused as error:
            _fail(f"{error.words.zh} {error.words.en}")


@keys.command("list")
def key_list(data: Data = None) -> None:
    """All keys: id, organisation, role, created, revoked. Never the keys themselves."""
    from services.embedded import own_house
    from services.registry.access import list_keys
    with own_house(_settings(data)) as house, house.worker.begin() as tx:
        for row in list_keys(tx):
            print(row.id, row.organisation, row.role, row.created_at.isoformat(),
                  row.revoked_at.isoformat() if row.revoked_at else "-")


@keys.command("revoke")
def key_revoke(id: str, data: Data = None) -> None:
    """End a key, by its id."""
    from uuid import UUID

    from services.embedded import own_house
    from services.registry.access import revoke_key
    try:
        ident = UUID(id)
    except ValueError:
        _fail(f"{id} is not the id of a key (guidui key list)")
    with own_house(_settings(data)) as house, house.worker.begin() as tx:
        if not revoke_key(tx, ident, house.clock.now()):
            _fail(f"no key has the id {id}")


@accounts.command("create")
def account_create(organisation: Annotated[str, typer.Option()], role: Annotated[str, typer.Option()],
                   name: Annotated[str, typer.Option()], data: Data = None) -> None:
    """Make an account (secretary, clerk, department, admin) and print its one-time password."""
    from services.embedded import own_house
    from services.kit.errors import Refused
    from services.portal.accounts import create_account
    with own_house(_settings(data)) as house, house.worker.begin() as tx:
        try:
            print(create_account(tx, organisation, role, name, house.clock.now()))
        except Refused as error:
            _fail(f"{error.words.zh} {error.words.en}")


@cli.command()
def post(file: str) -> None:
    """Send CloudEvents (JSON Lines; - reads standard input) to GUIDUI_URL with GUIDUI_KEY; one answer line per event."""
    from services.post import post_lines
    raise typer.Exit(post_lines(file, _settings()))


@cli.command()
def resolve(inp: Annotated[Path, typer.Option("--in")], out: Annotated[Path, typer.Option("--out")],
            learn: Annotated[Path | None, typer.Option()] = None) -> None:
    """Addresses to communities (interface.md §4). No server needed."""
    from services.matcher.address_file import resolve_file
    raise typer.Exit(resolve_file(inp, out, learn, cache=_settings().cache))


@cli.command()
def identify(members: Annotated[Path, typer.Option()], inp: Annotated[Path, typer.Option("--in")],
             out: Annotated[Path, typer.Option("--out")]) -> None:
    """Persons to members (interface.md §5). No server needed."""
    from services.matcher.identity_file import identify_files
    raise typer.Exit(identify_files(members, inp, out))


@cli.command()
def simulate(scenario: Annotated[Path | None, typer.Option(help="one history, as JSON (interface.md §6)")] = None,
             city: Annotated[int | None, typer.Option(help="members of a made-up city", min=20)] = None,
             years: Annotated[float, typer.Option(min=0.05, max=20)] = 1.0,
             seed: Annotated[int, typer.Option(help="the same seed and commit give the same history")] = 1) -> None:
    """Play one history, or a made-up city with its faults, on a clock it turns, in a throw-away database."""
    from services.kit import log
    log.configure("error")
    if (scenario is None) == (city is None):
        _fail("give either --scenario F or --city N")
    if city is not None:
        _city(city, years, seed)
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


def _city(members: int, years: float, seed: int) -> None:
    from services.city.run import commit
    from services.city.run import simulate as play_city
    print(f"seed {seed}\ncommit {commit()}\nmembers {members}\nyears {years:g}", flush=True)
    report = play_city(members, years, seed, lambda line: print(line, file=sys.stderr, flush=True))
    for name, count in sorted(report.counts.items()):
        print(f"{name} {count}")
    print(f"broken invariants {len(report.broken)}\nhistory {report.digest}\nseconds {report.seconds:.0f}")
    for broken in report.broken:
        print(f"broken: {broken.check}: {broken.about}: {broken.seen}", file=sys.stderr)
    raise typer.Exit(0 if report.ok else 1)


@cli.command()
def bench(name: str, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Measure NAME (address, identity, pipeline, embedded, latency, ...) beside something comparable in the same run."""
    from services.bench import run_bench
    raise typer.Exit(run_bench(name, as_json, _settings()))


@cli.command()
def statement(day: Annotated[str | None, typer.Option(help="YYYY-MM-DD, default today")] = None,
              data: Data = None) -> None:
    """The completeness statement of a day, as JSON; its difference is 0."""
    from services.cases.calendar import day_of
    from services.cases.routing import OPENING
    from services.embedded import own_house
    from services.records.completeness import statement as state
    try:
        chosen = date.fromisoformat(day) if day else None
    except ValueError:
        _fail(f"{day} is not a day such as 2026-11-23")
    with own_house(_settings(data)) as house, house.worker.begin() as tx:
        print(json.dumps(state(tx, chosen or day_of(house.clock.now()), sorted(OPENING))))


def main() -> None:
    """Entry point."""
    cli()


if __name__ == "__main__":
    main()
