"""A connection of pages with free SQL: whatever it says, it reads and writes nothing of another
tree.

Every table that pages may read holds a row of one tree and a row of another, and every function
that pages may call is called with what belongs to the other; both lists are read from the database,
so that a new one is in here by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

import psycopg
import pytest
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from services.kit.crypto import key_hash
from services.kit.db.engine import connect, view_as, view_by
from services.registry.access import Caller, caller_within, look_as, look_at_tree
from tests.security.trees import let_anything_in

OWN, FOREIGN = "111111111111", "999999999999"
KEY, FOREIGN_KEY = "gd_own", "gd_foreign"
NOBODYS = {
    "organisation_directory",
    "official_contacts",
    "unknown_organisations",
    "posted_by_others",
}
"""Functions that say something of other trees on purpose: the directory, without persons; official
contacts; of an id that was asked for, whether others posted an event under it, because nobody
corrects what others posted (interface.md §7.5).
"""

FOR_EVERYBODY = {"policy"}
"""Tables without persons that whoever has a context reads: values that count for a city, a route, a
category.
"""

_COLUMNS = """
SELECT attname AS name, typname AS type, attnotnull OR attname LIKE '%%path' AS filled,
    attidentity <> '' AS own_number
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''"""
_READABLE = """
SELECT c.relname AS name, c.relrowsecurity AS guarded,
       ARRAY(SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0
           AND NOT attisdropped
             AND has_column_privilege('guidui_web', c.oid, attnum, 'SELECT')) AS columns
FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
    ORDER BY relname"""
_CALLABLE = """
SELECT p.oid::regprocedure::text AS signature, p.proname AS name,
       ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) t) AS types
FROM pg_proc p WHERE pronamespace = 'public'::regnamespace AND prorettype <> 'trigger'::regtype
AND has_function_privilege('guidui_web', p.oid, 'EXECUTE') ORDER BY 1"""


def value_of(kind: str, tree: str) -> str:
    """A literal that says of which tree it is."""
    first = tree[0]
    uuid = f"'{first * 8}-{first * 4}-4{first * 3}-8{first * 3}-{first * 12}'"
    known = {
        "uuid": uuid,
        "date": f"'2026-01-0{first}'",
        "timestamptz": f"'2026-01-0{first}'",
        "bool": "true",
        "json": f"""'{{"of": "{tree}"}}'""",
        "jsonb": f"""'{{"of": "{tree}"}}'""",
        "_text": f"'{{{tree}}}'",
        "bytea": f"'{tree}'",
        "int2": first,
        "int4": first,
        "int8": first,
        "float4": first,
        "float8": first,
    }
    return known.get(kind, f"'{tree}'")


@pytest.fixture
def owner(database) -> Iterator[Engine]:
    engine = connect(database.owner_url, None, connections_max=1)
    yield engine
    engine.dispose()


@pytest.fixture
def tables(owner):
    """Every table, and which of its columns pages may read."""
    with owner.connect() as tx:
        return tx.exec_driver_sql(_READABLE).mappings().all()


@pytest.fixture
def two_trees(database, owner, tables) -> None:
    """A row of either tree in every guarded table that pages may read, and a key for each."""
    with owner.begin() as tx:
        guarded = [t.name for t in tables if t.guarded]
        for name in guarded:
            let_anything_in(tx, name)
        for name in (t.name for t in tables if t.guarded and t.columns):
            for tree in (OWN, FOREIGN):
                put_a_row(tx, name, tree)
        tx.exec_driver_sql("DELETE FROM api_key")
        for tree, key in ((OWN, KEY), (FOREIGN, FOREIGN_KEY)):
            tx.exec_driver_sql(
                """INSERT INTO api_key (id, hash, organisation, path, role, created_at)
                   VALUES (gen_random_uuid(), %s, %s, %s, 'department', '2026-01-01')""",
                (key_hash(key), tree, tree + "."),
            )


def put_a_row(tx: Connection, name: str, tree: str) -> None:
    """One row whose columns all say of which tree it is."""
    columns = [
        c for c in tx.exec_driver_sql(_COLUMNS, (name,)).mappings() if c.filled and not c.own_number
    ]
    values = [f"'{tree}.'" if c.name.endswith("path") else value_of(c.type, tree) for c in columns]
    names = ", ".join(f'"{c.name}"' for c in columns)
    tx.exec_driver_sql(f"INSERT INTO {name} ({names}) VALUES ({', '.join(values)})")


@pytest.fixture
def web(database) -> Iterator[Engine]:
    """The login of pages; one connection, so that whatever one transaction leaves behind meets the
    next.
    """
    engine = connect(database.web_url, "guidui_web", connections_max=1)
    yield engine
    engine.dispose()


@pytest.fixture
def caller(web, two_trees) -> Caller:
    with web.begin() as tx:
        return caller_within(tx, KEY)


def seen(tx: Connection, tables) -> dict[str, int]:
    """Table -> how many rows this transaction sees of guarded tables."""
    return {
        t.name: tx.exec_driver_sql(f"SELECT count(*) FROM (SELECT 1 FROM {t.name}) x").scalar_one()
        for t in tables
        if t.guarded and t.columns
    }


def foreign_of(tx: Connection, tables) -> list[str]:
    """The guarded tables in which this transaction sees anything of the other tree."""
    found = []
    for table in (t for t in tables if t.guarded and t.columns and t.name not in FOR_EVERYBODY):
        rows = tx.exec_driver_sql(f"SELECT {', '.join(table.columns)} FROM {table.name}").all()
        if any(
            FOREIGN in str(value) or FOREIGN[0] * 8 in str(value) for row in rows for value in row
        ):
            found.append(table.name)
    return found


def refused(tx: Connection, sql: str, params: tuple = ()) -> bool:
    """Whether the database refuses a statement; the transaction goes on."""
    try:
        with tx.begin_nested():
            tx.exec_driver_sql(sql, params)
    except DBAPIError as error:
        assert isinstance(
            error.orig,
            psycopg.errors.InsufficientPrivilege
            | psycopg.errors.InvalidParameterValue
            | psycopg.errors.InvalidAuthorizationSpecification,
        ), error.orig
        return True
    return False


def test_a_caller_sees_every_table_of_its_own_tree_and_none_of_another(web, tables, caller):
    with web.begin() as tx:
        assert set(seen(tx, tables).values()) == {0}
    with web.begin() as tx:
        look_as(tx, caller)
        rows = seen(tx, tables)
        assert [name for name, count in rows.items() if not count] == []
        assert foreign_of(tx, tables) == []
    with web.begin() as tx:
        assert set(seen(tx, tables).values()) == {0}


WIDE = [("0", "9999999999999"), (FOREIGN + ".", FOREIGN + "/"), ("", "~"), (OWN + ".", "~")]


@pytest.mark.parametrize("bounds", WIDE)
@pytest.mark.parametrize("local", [True, False])
def test_bounds_that_it_says_itself_open_nothing(web, tables, caller, bounds, local):
    with web.begin() as tx:
        for name, value in zip(("guidui.lo", "guidui.hi"), bounds, strict=True):
            tx.exec_driver_sql("SELECT set_config(%s, %s, %s)", (name, value, local))
        assert set(seen(tx, tables).values()) == {0}
    with web.begin() as tx:
        look_as(tx, caller)
        for name, value in zip(("guidui.lo", "guidui.hi"), bounds, strict=True):
            tx.exec_driver_sql("SELECT set_config(%s, %s, %s)", (name, value, local))
        assert set(seen(tx, tables).values()) == {0}, "the seal of other bounds"
    with web.begin() as tx:
        assert refused(tx, "SELECT * FROM context_of_bounds(%s, %s, '')", bounds)
    with web.begin() as tx, pytest.raises(DBAPIError):
        view_as(tx, *bounds, "")


def context(tx: Connection) -> list[tuple[str, str]]:
    """The four settings as they stand."""
    names = ("guidui.lo", "guidui.hi", "guidui.own", "guidui.seal")
    return [
        (name, tx.exec_driver_sql("SELECT current_setting(%s, true)", (name,)).scalar_one())
        for name in names
    ]


def set_context(tx: Connection, settings: list[tuple[str, str]]) -> None:
    for name, value in settings:
        tx.exec_driver_sql("SELECT set_config(%s, %s, false)", (name, value))


def test_a_seal_counts_in_its_own_transaction_alone(database, web, tables, caller):
    with web.begin() as tx:
        look_as(tx, caller)
        copied = context(tx)
        assert any(seen(tx, tables).values())
        seal = copied[3][1]
        for changed in (seal[::-1], seal[:-1], seal.upper(), "", "0" * 64):
            set_context(tx, [*copied[:3], ("guidui.seal", changed)])
            assert changed == seal or not any(seen(tx, tables).values())
    with web.begin() as tx:  # later, on the same connection
        set_context(tx, copied)
        assert not any(seen(tx, tables).values())
    with web.begin() as held:  # at the same time, on another
        look_as(held, caller)
        stolen = context(held)
        other = connect(database.web_url, "guidui_web", connections_max=1)
        with other.begin() as tx:
            set_context(tx, stolen)
            assert not any(seen(tx, tables).values())
        other.dispose()


def test_a_key_that_was_revoked_opens_nothing(web, owner, tables, caller):
    with owner.begin() as tx:
        tx.exec_driver_sql("UPDATE api_key SET revoked_at = '2026-01-02'")
    with web.begin() as tx:
        assert not view_by(tx, key_hash(KEY), True)
        assert not view_by(tx, "0" * 64, True)
        assert not any(seen(tx, tables).values())


ROLES = (
    "guidui_worker",
    "guidui_owner",
    "guidui_app",
    "postgres",
    "pg_read_all_data",
    "pg_monitor",
    "pg_read_server_files",
    "pg_execute_server_program",
    "pg_write_all_data",
)


@pytest.mark.parametrize("role", ROLES)
def test_it_becomes_nobody_else(web, role):
    with web.begin() as tx:
        for sql in (
            f"SET ROLE {role}",
            f"SET LOCAL ROLE {role}",
            f"SET SESSION AUTHORIZATION {role}",
            f"SELECT set_config('role', '{role}', false)",
        ):
            assert refused(tx, sql)


def test_without_its_role_it_may_nothing_at_all(web, tables, caller):
    for leave in (
        "RESET ROLE",
        "SET ROLE NONE",
        "SET LOCAL ROLE NONE",
        "RESET SESSION AUTHORIZATION",
    ):
        web.dispose()  # a session without its role serves nobody any more
        with web.begin() as tx:
            look_at_tree(tx, caller)
            tx.exec_driver_sql(leave)
            if tx.exec_driver_sql("SELECT current_user").scalar_one() == "guidui_web":
                assert foreign_of(tx, tables) == []  # its role is what the connection began with
                continue
            for table in tables:
                assert refused(tx, f"SELECT 1 FROM {table.name}"), table.name


def test_it_writes_no_table_and_makes_no_object(database, web, owner, tables, caller):
    from services.kit.db.migrations import migrate

    migrate(database.owner_url)  # what a copied database does not bring along
    with web.begin() as tx:
        look_as(tx, caller)
        for table in tables:
            column = tx.exec_driver_sql(
                "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = %s::regclass "
                "AND attnum > 0 AND NOT attisdropped AND attidentity = '' LIMIT 1",
                (table.name,),
            ).scalar_one()
            for sql in (
                f"INSERT INTO {table.name} DEFAULT VALUES",
                f"UPDATE {table.name} SET {column} = {column}",
                f"DELETE FROM {table.name}",
                f"TRUNCATE {table.name}",
                f"LOCK TABLE {table.name} IN SHARE MODE",
                f"CREATE INDEX ON {table.name} ({column})",
                f"ALTER TABLE {table.name} NO FORCE ROW LEVEL SECURITY",
            ):
                assert refused(tx, sql), sql
        for sql in (
            "CREATE TABLE mine (x int)",
            "CREATE TEMP TABLE member (x int)",
            "CREATE SCHEMA mine",
            "CREATE TEMP VIEW member AS SELECT 1 AS x",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE OR REPLACE FUNCTION context_sealed() RETURNS boolean LANGUAGE sql AS 'SELECT "
            "true'",
            "DROP POLICY sealed ON member",
            "ALTER ROLE guidui_pages BYPASSRLS",
            "CREATE ROLE mine",
            "COPY member TO PROGRAM 'cat'",
            "COPY member TO '/tmp/members'",
            "SET session_replication_role = replica",
            "GRANT guidui_worker TO guidui_pages",
            "SELECT pg_read_file('postgresql.conf')",
        ):
            assert refused(tx, sql), sql
        tx.exec_driver_sql("SET row_security = off")
        for table in (t for t in tables if t.guarded and t.columns):
            assert refused(tx, f"SELECT 1 FROM {table.name}"), table.name


SECRETS = (
    "SELECT inner_key FROM context_secret",
    "SELECT hash FROM api_key",
    "SELECT token_hash FROM session",
    "SELECT password_hash FROM account",
    "SELECT rolpassword FROM pg_authid",
    "SELECT * FROM sign_in_brake",
    "SELECT * FROM known_device",
    "SELECT body FROM event_log",
    "SELECT key FROM member_key",
    "SELECT context_seal('0', '9', '')",
    "SELECT * FROM caller_of_proof('x')",
    "SELECT * FROM accept_events('x', NULL, '2026-01-01', '[]', '[]')",
)


@pytest.mark.parametrize("sql", SECRETS)
def test_secrets_are_out_of_reach(web, caller, sql):
    with web.begin() as tx:
        look_as(tx, caller)
        assert refused(tx, sql)


def arguments(kind: str, tree: str) -> list[str]:
    """What somebody would try as an argument of this type, to learn something of a tree."""
    uuid = value_of("uuid", tree)
    events = f"""'[{{"position": 0, "id": {uuid.replace("'", '"')},
        "source": "urn:guidui:organisation:{tree}", "ext_id": "x", "type": "t",
        "time": "2026-01-01", "data": {{}}, "body_hmac": "h", "persons": 0, "key": "k"}}]'"""
    return {
        "text": [f"'{tree}'", f"'{tree}.'", "'0'", "'~'"],
        "text[]": [f"ARRAY['{tree}']"],
        "uuid": [uuid, "NULL"],
        "date": ["'2026-01-09'"],
        "timestamp with time zone": ["'2026-01-01'"],
        "interval": ["'100 years'"],
        "boolean": ["true"],
        "json": [events, "'[]'"],
        "integer": ["1000"],
    }[kind]


def test_no_function_that_it_may_call_says_or_does_anything_of_another_tree(web, owner, caller):
    with owner.connect() as tx:
        functions = tx.exec_driver_sql(_CALLABLE).mappings().all()
    assert {"context_sealed", "context_of_proof", "accept_posted", "session_account"} <= {
        f.name for f in functions
    }
    before = counted(owner)
    spoken = set()
    for looks in (False, True):
        for function in functions:
            for given in product(*(arguments(kind, FOREIGN) for kind in function.types)):
                with free(web) as tx:
                    if looks:
                        look_as(tx, caller)
                    rows = call(tx, function.name, given)
                    if any(FOREIGN in str(value) for row in rows for value in row):
                        spoken.add((function.name, looks))
    assert spoken == {
        ("organisation_directory", False),
        ("organisation_directory", True),
        ("official_contacts", True),
        ("posted_by_others", False),
        ("posted_by_others", True),
    }
    assert {name for name, _ in spoken} <= NOBODYS
    assert counted(owner) == before


@contextmanager
def free(web: Engine) -> Iterator[Connection]:
    """A transaction that is committed, so that whatever a call did stays."""
    with web.begin() as tx:
        yield tx


def call(tx: Connection, name: str, given: tuple[str, ...]):
    try:
        with tx.begin_nested():
            return tx.exec_driver_sql(f"SELECT * FROM {name}({', '.join(given)})").all()
    except DBAPIError:
        return []


def counted(owner: Engine) -> dict[str, tuple]:
    """Every table, summed up: whether anything was written."""
    with owner.connect() as tx:
        names = (
            tx.exec_driver_sql(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
                "AND relkind = 'r'"
            )
            .scalars()
            .all()
        )
        return {
            name: tuple(
                tx.exec_driver_sql(
                    f"SELECT count(*), sum(hashtextextended(t::text, 0)) FROM {name} t"
                ).one()
            )
            for name in names
        }


def test_events_are_accepted_in_the_name_of_the_key_alone(web, owner, caller):
    sql = "SELECT status FROM accept_posted(%s, %s, %s, '2026-01-01', %s::json, '[]')"
    event = (
        '[{"position": 0, "id": "77777777-7777-4777-8777-777777777777", "source": '
        '"urn:guidui:organisation:%s", '
        '"ext_id": "x", "type": "t", "time": "2026-01-01", "data": {}, "body_hmac": "h", '
        '"persons": 0, "key": "k"}]'
    )
    key = caller.key_id
    with web.begin() as tx:
        assert refused(tx, sql, (None, FOREIGN, None, event % FOREIGN))
        assert refused(tx, sql, (caller.proof, FOREIGN, key, event % FOREIGN))
        assert refused(tx, sql, (caller.proof, OWN, key, event % FOREIGN))
        assert refused(tx, sql, (caller.proof, OWN, None, event % OWN))
        assert tx.exec_driver_sql(sql, (caller.proof, OWN, key, event % OWN)).scalars().all() == [
            "accepted"
        ]


def test_the_server_shows_it_nothing_of_others(database, web, tables, caller):
    """Statements of others, values of statistics, and sizes of what they hold."""
    worker = connect(database.app_url, "guidui_worker", connections_max=1)
    with worker.begin() as busy, web.begin() as tx:
        busy.exec_driver_sql(f"SELECT '{FOREIGN}' AS a_secret FROM member")
        look_as(tx, caller)
        spoken = (
            tx.exec_driver_sql("SELECT query FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
            .scalars()
            .all()
        )
        assert not any(FOREIGN in (query or "") or "a_secret" in (query or "") for query in spoken)
        guarded = [t.name for t in tables if t.guarded]
        values = (
            tx.exec_driver_sql(
                "SELECT tablename FROM pg_stats WHERE schemaname = 'public' AND tablename = ANY "
                "(%s)",
                (guarded,),
            )
            .scalars()
            .all()
        )
        assert values == []
    worker.dispose()


def test_statistics_of_guarded_tables_are_hidden_even_when_gathered(owner, web, tables, caller):
    with owner.begin() as tx:
        tx.exec_driver_sql("ANALYZE member, organisation, contact")
    with web.begin() as tx:
        look_as(tx, caller)
        assert (
            tx.exec_driver_sql(
                "SELECT count(*) FROM pg_stats WHERE tablename IN ('member', 'organisation', "
                "'contact')"
            ).scalar_one()
            == 0
        )
        assert refused(tx, "SELECT * FROM pg_statistic")


@pytest.mark.usefixtures("two_trees")
def test_a_login_of_workers_narrows_itself(database, tables):
    acts = connect(database.app_url, "guidui_web", connections_max=1)
    with acts.begin() as tx:
        view_as(tx, FOREIGN + ".", FOREIGN + "/", "")
        assert set(foreign_of(tx, tables)) and seen(tx, tables)["member"] == 1
    with acts.begin() as tx:
        assert not any(seen(tx, tables).values())
    acts.dispose()
