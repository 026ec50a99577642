"""The schema's history, and the one function that brings a database to its end."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DataError, ProgrammingError

from services.kit.db import locks
from services.kit.db.engine import connect, driver_of
from services.kit.db.locks import Lock
from services.kit.db.migrations import files
from services.kit.errors import CannotStart

BASELINE = "0001_baseline"
SAME_AS_BASELINE = "0026_work_lists"
"""The last revision of the schema's first history. Its tables are those of the baseline, and a
database that stands there goes on from the baseline.
"""

APPLICATION = (
    "guidui_app"  # may act as guidui_worker and as guidui_web: handlers, loops, acts of people
)
PAGES = "guidui_pages"  # may act as guidui_web alone: whatever is read for somebody who looks


def migrate(owner_url: str | URL, application: str = APPLICATION, pages: str = PAGES) -> None:
    """Brings the database to the newest schema and lets the two logins take on their roles.

    A login is created without a password where it does not exist. It owns nothing and inherits
    nothing: only an engine that names a role (services.kit.db.engine.connect) can do anything.
    Every table under row-level security is sealed: pages see rows in a context that the database
    issued, whatever a migration forgot. The database's functions are set anew where their files
    changed. Running it again changes nothing.

    Raises `CannotStart` for a schema that this program does not know.
    """
    engine = connect(owner_url, None, connections_max=1)
    try:
        with engine.begin() as tx:
            locks.hold(tx, Lock.MIGRATION)
            config = _config()
            config.attributes["connection"] = tx
            _refuse_unknown(tx)
            _go_on_from_baseline(tx)
            command.upgrade(config, "head")
            _set_functions(tx)
            tx.execute(text(_SEAL_TABLES))
            tx.execute(text(_NO_OBJECTS))
            tx.exec_driver_sql("GRANT SELECT ON alembic_version TO guidui_worker")
            _let_in(tx, application, ("guidui_web", "guidui_worker"))
            if pages != application:
                _let_in(tx, pages, ("guidui_web",))
                _keep_out(tx, pages, "guidui_worker")
    finally:
        engine.dispose()


def is_behind(application_url: str | URL) -> bool:
    """Whether the database of an application login lacks revisions or functions that this program
    knows, or all of them.

    A database that a newer program has migrated is not behind. Raises OperationalError where none
    answers.
    """
    engine = connect(application_url, None, connections_max=1)
    try:
        with engine.connect() as tx:
            tx.exec_driver_sql("SET ROLE guidui_worker")
            present = tx.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
            has_our_functions = tx.exec_driver_sql(
                "SELECT FROM function_set WHERE digest = %s", (files.digest_of_functions(),)
            ).first()
    except (DataError, ProgrammingError):  # no such role, no such table, or no right to read it
        return True
    finally:
        engine.dispose()
    if present is None or has_our_functions is None:
        return True
    return present in _known_revisions() and present != _newest_revision()


def _known_revisions() -> set[str]:
    script = ScriptDirectory.from_config(_config())
    return {revision.revision for revision in script.walk_revisions()}


def _newest_revision() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()


def _present_revision(tx: Connection) -> str | None:
    """The revision at which the database stands; None where it is empty."""
    if tx.exec_driver_sql("SELECT to_regclass('alembic_version')").scalar() is None:
        return None
    return tx.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def _refuse_unknown(tx: Connection) -> None:
    present = _present_revision(tx)
    if present is None or present == SAME_AS_BASELINE or present in _known_revisions():
        return
    raise CannotStart(
        f"the database stands at the schema {present}, which this version of guidui does not know: "
        "start it once with the version that made it, or with a newer one"
    )


def _go_on_from_baseline(tx: Connection) -> None:
    """Writes down that a database of the first history stands at the baseline."""
    if _present_revision(tx) != SAME_AS_BASELINE:
        return
    tx.exec_driver_sql("UPDATE alembic_version SET version_num = %s", (BASELINE,))


def _set_functions(tx: Connection) -> None:
    """Sets every function anew, unless the newest set in the database is that of our files.

    Each set leaves its digest, so that a program can see whether its own has ever been there.
    """
    digest = files.digest_of_functions()
    newest = tx.exec_driver_sql("SELECT digest FROM function_set ORDER BY turn DESC LIMIT 1")
    if newest.scalar() == digest:
        return
    tx.exec_driver_sql("SET LOCAL check_function_bodies = off")
    for function in files.functions():
        tx.execute(text(function))
    tx.exec_driver_sql(
        "INSERT INTO function_set (digest) VALUES (%s) "
        "ON CONFLICT (digest) DO UPDATE SET turn = DEFAULT",
        (digest,),
    )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config


_SEAL_TABLES = """
DO $$
DECLARE
    unsealed record;
BEGIN
    FOR unsealed IN
        SELECT c.oid::regclass AS name FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
            AND c.relrowsecurity
          AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'sealed')
    LOOP
        EXECUTE format(
            'CREATE POLICY sealed ON %s AS RESTRICTIVE TO guidui_web '
            'USING ((SELECT context_sealed()))',
            unsealed.name);
    END LOOP;
END $$"""

# A temporary view could stand in for a table of ours in the next transaction of a pooled
# connection.
_NO_OBJECTS = """
DO $$
BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO guidui_worker', current_database());
END $$"""


def _let_in(tx: Connection, name: str, roles: tuple[str, ...]) -> None:
    """Lets the login `name`, created where there is none, take on `roles` and inherit nothing."""
    login = tx.dialect.identifier_preparer.quote(name)
    if not tx.exec_driver_sql("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).first():
        tx.exec_driver_sql(f"CREATE ROLE {login} LOGIN NOINHERIT")
    if set(roles) <= _roles_of(tx, name):
        return
    granted = ", ".join(roles)
    if driver_of(tx).info.server_version >= 160000:
        tx.exec_driver_sql(f"GRANT {granted} TO {login} WITH INHERIT FALSE, SET TRUE")
    else:  # before 16 the login itself decides what it inherits
        tx.exec_driver_sql(f"ALTER ROLE {login} NOINHERIT")
        tx.exec_driver_sql(f"GRANT {granted} TO {login}")


def _keep_out(tx: Connection, name: str, role: str) -> None:
    if role in _roles_of(tx, name):
        tx.exec_driver_sql(f"REVOKE {role} FROM {tx.dialect.identifier_preparer.quote(name)}")


def _roles_of(tx: Connection, name: str) -> set[str]:
    return set(
        tx.exec_driver_sql(
            """SELECT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
           JOIN pg_roles u ON u.oid = m.member WHERE u.rolname = %s""",
            (name,),
        ).scalars()
    )
