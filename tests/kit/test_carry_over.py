"""A database of the schema's first history goes on from the baseline, with all that is in it."""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from services.kit.db.migrations import BASELINE, files, is_behind, migrate
from services.kit.errors import CannotStart
from tests.conftest import Database

OLD = Path(__file__).parents[1] / "data" / "schema_0026.sql.xz"
"""A demo county as the last version with the first history left it (pg_dump --inserts), with fewer
members and divisions."""

CATALOG = {
    "columns": """
        SELECT table_name, ordinal_position, column_name, data_type, is_nullable, column_default,
            is_identity
        FROM information_schema.columns WHERE table_schema = 'public'""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "triggers": """
        SELECT tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger
        WHERE NOT tgisinternal""",
    "functions": """
        SELECT proname, pg_get_functiondef(oid), coalesce(proacl::text, '')
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace""",
    "policies": """
        SELECT tablename, policyname, permissive, roles::text, cmd, qual, with_check
        FROM pg_policies WHERE schemaname = 'public'""",
    "rights": """
        SELECT table_name, grantee, privilege_type FROM information_schema.table_privileges
        WHERE table_schema = 'public' AND grantee LIKE 'guidui%%'""",
    "rights on columns": """
        SELECT table_name, column_name, grantee, privilege_type
        FROM information_schema.column_privileges
        WHERE table_schema = 'public' AND grantee LIKE 'guidui%%'""",
    "moves": "SELECT * FROM transition",
}


@pytest.fixture
def old_database(postgres) -> Iterator[Database]:
    name = f"old_{uuid4().hex[:12]}"
    postgres.create_database(name)
    database = Database(postgres.app_url(name), postgres.owner_url(name), postgres.web_url(name))
    with psycopg.connect(database.owner_url) as tx:
        tx.execute(lzma.decompress(OLD.read_bytes()).decode())
    yield database
    postgres.drop_database(name)


def asked(database: Database, sql: str) -> list[tuple]:
    with psycopg.connect(database.owner_url) as tx:
        return tx.execute(sql).fetchall()


def catalog_of(database: Database, part: str) -> list[str]:
    return sorted(str(row) for row in asked(database, CATALOG[part].replace("%%", "%")))


def counts(database: Database) -> dict[str, int]:
    tables = asked(
        database,
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        "AND relkind = 'r' AND relname NOT IN ('alembic_version', 'function_set')",
    )
    return {
        table: asked(database, f"SELECT count(*) FROM {table}")[0][0]  # noqa: S608
        for (table,) in tables
    }


def test_it_has_the_schema_of_a_new_one_and_keeps_every_row(old_database, database):
    rows = counts(old_database)
    assert rows["transfer_case"] > 50 and rows["case_event"] > 300

    migrate(old_database.owner_url)

    for part in CATALOG:
        assert catalog_of(old_database, part) == catalog_of(database, part), part
    assert counts(old_database) == rows
    assert not is_behind(old_database.app_url)


def test_history_goes_on_moving_the_cases_in_it(old_database):
    migrate(old_database.owner_url)
    with psycopg.connect(old_database.app_url) as tx:
        tx.execute("SET ROLE guidui_worker")
        case, seq, state, committee = tx.execute(
            "SELECT id, seq, state, origin_committee FROM transfer_case "
            "WHERE state IN ('letter_issued', 'letter_expired') LIMIT 1"
        ).fetchone()
        tx.execute(
            "INSERT INTO case_event (case_id, seq, at, command, from_state, to_state, change, "
            "by_organisation) VALUES (%s, %s, now(), 'report_lost', %s, 'letter_void', '{}', %s)",
            (case, seq + 1, state, committee),
        )
        state = tx.execute("SELECT state FROM transfer_case WHERE id = %s", (case,)).fetchone()
    assert state == ("letter_void",)


def test_an_older_schema_is_refused_with_a_sentence_and_stays_as_it_was(old_database):
    with psycopg.connect(old_database.owner_url) as tx:
        tx.execute("UPDATE alembic_version SET version_num = '0019_ends'")
    with pytest.raises(CannotStart, match="0019_ends.*start it once with the version"):
        migrate(old_database.owner_url)
    assert asked(old_database, "SELECT version_num FROM alembic_version") == [("0019_ends",)]


def test_a_function_whose_file_changed_is_set_anew_and_until_then_the_database_is_behind(
    database, tmp_path, monkeypatch
):
    folder = tmp_path / "functions"
    folder.mkdir()
    changed = folder / "cases_wake.sql"
    body = (files.FOLDER / "functions" / "cases" / "cases_wake.sql").read_text("utf-8")
    changed.write_text(body.replace("UPDATE transfer_case", "/* changed */ UPDATE transfer_case"))
    monkeypatch.setattr(files, "FOLDER", tmp_path)
    assert is_behind(database.app_url)

    migrate(database.owner_url)

    assert not is_behind(database.app_url)
    source = "SELECT prosrc FROM pg_proc WHERE proname = 'cases_wake'"
    assert "/* changed */" in asked(database, source)[0][0]
    monkeypatch.undo()
    assert not is_behind(database.app_url)  # an older program may go on beside a newer one
    migrate(database.owner_url)
    assert "/* changed */" not in asked(database, source)[0][0]


def test_the_database_has_exactly_the_functions_of_the_files(database):
    named = {path.stem for path in (files.FOLDER / "functions").rglob("*.sql")}
    present = asked(
        database, "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    )
    assert {name for (name,) in present} == named


def test_a_new_database_stands_at_the_newest_revision_and_no_function_is_open_to_everybody(
    database,
):
    assert asked(database, "SELECT version_num FROM alembic_version") != [(BASELINE,)]
    triggers = "SELECT tgfoid FROM pg_trigger"
    assert not asked(
        database,
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
        f"AND oid NOT IN ({triggers}) AND has_function_privilege('public', oid, 'EXECUTE')",
    )
