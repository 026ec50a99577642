"""The walls of the house: who imports whom, what the SQL may say, which tables are guarded, what
the pages name.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import text

from schemas.topics import TOPICS
from services import app as composition
from services.app import HANDLERS, App
from services.cli import cli as commands
from services.intake import ingress
from services.kit.db.engine import connect, view_as
from services.kit.settings import Settings
from tests.security.trees import let_anything_in

ROOT = Path(__file__).parents[2]
FILES = sorted(p for folder in ("services", "schemas") for p in (ROOT / folder).rglob("*.py"))

# room -> the rooms it may know; `plain` stands for PLAIN, which every room may know
ROOMS = {
    "schemas": set(),
    # libraries, each of use without the rest
    "addresses": {"identity"},
    "identity": {"addresses"},
    # no business
    "kit.web": {"kit"},
    "kit.db": {"kit"},
    "kit.bus": {"kit", "kit.db"},
    "kit": {"kit.bus", "kit.db"},
    # the service
    "registry": {"kit", "kit.db", "identity"},
    "cases": {"kit", "kit.bus", "kit.db", "schemas", "registry", "identity"},
    "records": {"kit", "kit.bus", "kit.db", "schemas", "registry", "identity", "cases"},
    "intake": {"kit", "kit.bus", "kit.db", "kit.web", "schemas", "registry", "identity"},
    "matcher": {
        "kit",
        "kit.bus",
        "kit.db",
        "schemas",
        "registry",
        "identity",
        "addresses",
        "cases",
    },
    "notifier": {"kit", "kit.bus", "kit.db", "schemas", "registry", "cases", "records"},
    "portal": {
        "kit",
        "kit.bus",
        "kit.db",
        "kit.web",
        "schemas",
        "registry",
        "identity",
        "cases",
        "records",
    },
}
# what puts the rooms together, starts them or tries them: it may know everything
ABOVE = {"app", "cluster", "cli", "tools"}
PLAIN = ("schemas.envelope", "schemas.days", "services.kit.errors", "services.kit.packed")


def room_of(module: str) -> str:
    """``services.cases.model.case`` -> ``cases``, ``services.kit.db.locks`` -> ``kit.db``; a module
    directly in services is its own room.
    """
    parts = module.split(".")
    if parts[0] == "schemas":
        return "schemas"
    if parts[1:2] == ["kit"] and f"kit.{'.'.join(parts[2:3])}" in ROOMS:
        return f"kit.{parts[2]}"
    return parts[1] if len(parts) > 1 else "services"


def imports_of(file: Path) -> set[str]:
    """The modules that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports by a relative name"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_imports_point_one_way():
    wrong = []
    for file in FILES:
        name = str(file.relative_to(ROOT))
        room = room_of(name.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
        for module in sorted(imports_of(file)) if room in ROOMS else ():
            if module.partition(".")[0] not in ("services", "schemas"):
                continue
            if module.startswith(PLAIN) or room_of(module) in ROOMS[room] | {room}:
                continue
            wrong.append(f"{name} imports {module}")
    assert not wrong, wrong


def test_every_file_has_a_wall():
    rooms = set()
    for file in FILES:
        name = str(file.relative_to(ROOT)).removesuffix(".py").removesuffix("/__init__")
        rooms.add(room_of(name.replace("/", ".")))
    assert rooms == set(ROOMS) | ABOVE | {"services"}


@pytest.mark.parametrize("library", ["addresses.file", "identity.file"])
def test_a_library_needs_no_database_and_no_web(library):
    """It is imported in a process where neither can be."""
    without = ("sqlalchemy", "psycopg", "fastapi", "starlette", "faust", "kafka", "structlog")
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({without!r})); import services.{library}"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_bus_is_known_to_kit_alone():
    for file in FILES:
        name = str(file.relative_to(ROOT))
        roots = {module.partition(".")[0] for module in imports_of(file)}
        assert (
            not roots & {"faust", "mode", "aiokafka"} or name == "services/kit/bus/faust_shell.py"
        ), name
        assert "kafka" not in roots or name.startswith(
            ("services/kit/bus/", "services/cluster/")
        ), name


def test_the_top_of_the_tree_is_five_folders():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    folders = {line.partition("/")[0] for line in tracked if "/" in line}
    assert {f for f in folders if not f.startswith(".")} == {
        "services",
        "schemas",
        "deploy",
        "tests",
        "docs",
    }


_CLOCK = re.compile(
    r"\b(now\s*\(\s*\)|current_date|current_time(stamp)?|localtime(stamp)?|clock_timestamp|"
    r"statement_timestamp|transaction_timestamp)\b|\bnow\s*\(\s*\)",
    re.IGNORECASE,
)
_SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DEFAULT|WHERE)\b")


# the moment a transaction began names it, as its process does, in the seal of who looks; no day is
# taken from it
_NAMES_A_TRANSACTION = "extract(epoch FROM transaction_timestamp())::text]::text,"
_SEALING = "services/kit/db/migrations/functions/access/context_seal.sql"


def test_no_file_of_sql_reads_the_servers_clock():
    for file in sorted((ROOT / "services").rglob("*.sql")):
        name = str(file.relative_to(ROOT))
        sql = file.read_text("utf-8")
        if name == _SEALING:
            assert _NAMES_A_TRANSACTION in sql
            sql = sql.replace(_NAMES_A_TRANSACTION, "", 1)
        assert not _CLOCK.search(sql), name


def test_no_sql_reads_the_servers_clock():
    for file in FILES:
        name = str(file.relative_to(ROOT))
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and _SQL.search(node.value)
            ):
                assert not _CLOCK.search(node.value), f"{name}:{node.lineno}"


def test_every_topic_has_its_consumer_and_every_consumer_its_topic(app):
    subscriptions = [
        *(make(app) for make in HANDLERS.values()),
        ingress.subscription(app.clock, app.secret),
    ]
    read = {(topic, made.consumer) for made in subscriptions for topic in made.topics}
    assert read == {(topic.name, consumer) for topic in TOPICS for consumer in topic.consumers}


def test_every_loop_is_run_by_a_role_that_there_is():
    names = {command.name or command.callback.__name__ for command in commands.registered_commands}
    assert all(loop.roles and set(loop.roles) <= names for loop in composition.LOOPS.values())


OPEN_TO_ALL = {"/healthz", "/readyz", "/metrics", "/openapi.json", "/asyncapi.yaml"}


def test_every_route_names_who_may_call_it(app):
    from services.cluster.one_process import application

    routes = [route for route in walked(application(app).routes) if isinstance(route, APIRoute)]
    assert {route.path for route in routes} >= OPEN_TO_ALL
    silent = [
        route.path
        for route in routes
        if route.path not in OPEN_TO_ALL
        and not re.search(r"\brole: \w", f"{route.summary} {route.endpoint.__doc__}")
    ]
    assert not silent, f"these do not say who may call them: {silent}"


def walked(routes):
    """Every route, those of included routers too."""
    for route in routes:
        inner = getattr(route, "routes", None) or getattr(
            getattr(route, "original_router", None), "routes", None
        )
        if inner:
            yield from walked(inner)
        else:
            yield route


@pytest.fixture
def app(database, tmp_path):
    opened = App.at(database.app_url, b"structure", tmp_path, web_url=database.web_url)
    opened._gazetteer = object()
    yield opened
    opened.close()


# neither organisations nor persons: the division table of the country, the law of moves, the
# calendar, marks of versions
PUBLIC = {"division", "registry_version", "transition", "calendar_day"}
# how messages travel: ids, codes and states, nothing personal; out of reach of pages
MACHINERY = {
    "alembic_version",
    "function_set",
    "event_log",
    "cursors",
    "inbox",
    "dead_letter",
    "parked",
    "resend",
    "consumer_state",
    "loop_round",
    "process_beat",
}
_TABLES = """
SELECT c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity AS guarded,
       EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND NOT p.polpermissive
           AND p.polname = 'sealed'
               AND p.polroles @> ARRAY['guidui_web'::regrole::oid]
               AND pg_get_expr(p.polqual, p.polrelid) LIKE '%context_sealed()%') AS sealed,
       pg_get_userbyid(c.relowner) IN ('guidui_web', 'guidui_worker', 'guidui_app',
           'guidui_pages') AS given_away,
       has_any_column_privilege('guidui_web', c.oid, 'SELECT') AS read_by_pages,
       has_any_column_privilege('guidui_web', c.oid, 'INSERT')
           OR has_any_column_privilege('guidui_web', c.oid, 'UPDATE')
           OR has_table_privilege('guidui_web', c.oid, 'DELETE') AS written_by_pages
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')"""


@pytest.fixture
def tables(database):
    engine = connect(database.owner_url, None, connections_max=1)
    with engine.connect() as tx:
        yield tx.execute(text(_TABLES)).mappings().all()
    engine.dispose()


def test_every_table_with_organisations_or_persons_is_guarded(tables):
    assert {t.name for t in tables if not t.guarded} == PUBLIC | MACHINERY
    assert not [t.name for t in tables if t.given_away]
    assert not [t.name for t in tables if t.written_by_pages]
    assert not [t.name for t in tables if t.name in MACHINERY and t.read_by_pages]


def test_every_guarded_table_is_sealed(tables):
    """Beside what a policy says stands that the database itself issued the context."""
    assert [t.name for t in tables if t.guarded and not t.sealed] == []


def test_text_columns_share_one_collation(database):
    """Two columns of different collations compare equal and use no index: a join on them reads
    whole tables.
    """
    engine = connect(database.owner_url, None, connections_max=1)
    with engine.connect() as tx:
        own = tx.exec_driver_sql("""SELECT c.relname, a.attname
            FROM pg_attribute a
            JOIN pg_class c ON c.oid = a.attrelid
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
                AND a.attnum > 0
              AND a.attcollation NOT IN (0, 'pg_catalog."default"'::regcollation)""").all()
    engine.dispose()
    assert own == []


def test_the_applications_roles_are_plain(database):
    engine = connect(database.owner_url, None, connections_max=1)
    with engine.connect() as tx:
        roles = tx.exec_driver_sql("""SELECT rolname, rolsuper OR rolbypassrls OR rolcreaterole
                OR rolcreatedb AS strong,
            rolcanlogin FROM pg_roles
            WHERE rolname IN ('guidui_web', 'guidui_worker', 'guidui_app', 'guidui_pages')""").all()
        reach = (
            tx.exec_driver_sql("""SELECT relname
                FROM pg_class, unnest(ARRAY['guidui_app', 'guidui_pages']) l (login)
                WHERE relnamespace = 'public'::regnamespace
                AND relkind IN ('r', 'p', 'v') AND (has_any_column_privilege(login, oid, 'SELECT')
                OR has_any_column_privilege(login, oid, 'INSERT'))""")
            .scalars()
            .all()
        )
        functions = (
            tx.exec_driver_sql("""SELECT proname FROM pg_proc WHERE prosecdef
            AND pronamespace = 'public'::regnamespace
                AND NOT coalesce(array_to_string(proconfig, ','), '')
            LIKE '%%search_path=%%'""")
            .scalars()
            .all()
        )
        open_to_all = (
            tx.exec_driver_sql("""SELECT proname FROM pg_proc WHERE prosecdef
            AND pronamespace = 'public'::regnamespace AND prorettype <> 'trigger'::regtype
            AND has_function_privilege('public', oid, 'EXECUTE')""")
            .scalars()
            .all()
        )
    engine.dispose()
    assert len(roles) == 4
    assert not [r.rolname for r in roles if r.strong]
    assert sorted(r.rolname for r in roles if r.rolcanlogin) == ["guidui_app", "guidui_pages"]
    assert reach == []
    assert functions == [] and open_to_all == []


def test_a_reused_connection_without_context_sees_no_row_of_any_guarded_table(database, tables):
    """Each table holds a row; the one connection of the pool first looks at everything, then at
    nothing.
    """
    owner = connect(database.owner_url, None, connections_max=1)
    guarded = sorted(t.name for t in tables if t.guarded and t.read_by_pages)
    with owner.begin() as tx:
        for name in guarded:
            let_anything_in(tx, name)
        for name in guarded:
            _put_a_row(tx, name)
    owner.dispose()
    web = connect(
        database.app_url, "guidui_web", connections_max=1
    )  # a login that may issue any context
    count = "SELECT count(*) FROM (SELECT 1 FROM {}) x"
    with web.begin() as tx:
        view_as(tx, "3", "4", "330600010019")
        seen = {name for name in guarded if tx.exec_driver_sql(count.format(name)).scalar_one()}
    assert {"organisation", "member", "transfer_case", "task", "posted_event", "notice"} <= seen
    with web.begin() as tx:
        assert tx.exec_driver_sql("SELECT current_setting('guidui.lo', true)").scalar_one() in (
            None,
            "",
        )
        assert {
            name: tx.exec_driver_sql(count.format(name)).scalar_one() for name in guarded
        } == dict.fromkeys(guarded, 0)
    web.dispose()


_VALUE = {
    "uuid": "'11111111-1111-4111-8111-111111111111'",
    "int2": "1",
    "int4": "1",
    "int8": "1",
    "bool": "true",
    "date": "'2026-01-01'",
    "timestamptz": "'2026-01-01'",
    "json": "'{}'",
    "jsonb": "'{}'",
    "bytea": "'x'",
    "_text": "'{}'",
    "float8": "1",
}


def _put_a_row(tx, name: str) -> None:
    """One row whose every column is filled; paths lie in the tree of 330600010019."""
    columns = tx.exec_driver_sql(
        """SELECT attname, typname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
            AND attidentity = ''
        AND (attnotnull OR attname LIKE '%%path')""",
        (name,),
    ).all()
    values = [
        "'330600010019.'" if c.attname.endswith("path") else _VALUE.get(c.typname, "'330600010019'")
        for c in columns
    ]
    quoted = ", ".join(f'"{c.attname}"' for c in columns)
    tx.exec_driver_sql(f"INSERT INTO {name} ({quoted}) VALUES ({', '.join(values)})")


DOCS = "\n".join(
    p.read_text("utf-8") for p in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
)


def _spoken(app, prefix: str = "") -> list[str]:
    """Every command as it is typed."""
    own = [
        prefix + (c.name or c.callback.__name__.rstrip("_").replace("_", "-"))
        for c in app.registered_commands
    ]
    return own + [
        name
        for group in app.registered_groups
        for name in _spoken(group.typer_instance, f"{group.name} ")
    ]


@pytest.mark.parametrize("command", _spoken(commands))
def test_the_docs_name_every_command(command: str):
    assert f"guidui {command}" in DOCS or f"`{command}" in DOCS


@pytest.mark.parametrize("setting", [f.validation_alias for f in Settings.model_fields.values()])
def test_the_docs_name_every_setting(setting: str):
    assert re.search(rf"\b{setting}\b", DOCS)
