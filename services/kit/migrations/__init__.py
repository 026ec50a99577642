"""The schema's history, and the one function that brings a database to its end."""
from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.engine import URL

from services.kit import locks
from services.kit.db import connect
from services.kit.locks import Lock

APPLICATION = "guidui_app"


def migrate(owner_url: str | URL, application: str = APPLICATION) -> None:
    """Brings the database to the newest schema and lets the login `application` take on the two roles.

    The login is created without a password where it does not exist. It owns nothing and inherits nothing: only
    an engine that names a role (services.kit.db.connect) can do anything. Running it again changes nothing.
    """
    engine = connect(owner_url, None, connections_max=1)
    try:
        with engine.begin() as tx:
            locks.hold(tx, Lock.MIGRATION)
            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent))
            config.set_main_option("path_separator", "os")
            config.attributes["connection"] = tx
            command.upgrade(config, "head")
            _let_in(tx, application)
    finally:
        engine.dispose()


def _let_in(tx: Connection, application: str) -> None:
    login = tx.dialect.identifier_preparer.quote(application)
    if not tx.exec_driver_sql("SELECT 1 FROM pg_roles WHERE rolname = %s", (application,)).first():
        tx.exec_driver_sql(f"CREATE ROLE {login} LOGIN NOINHERIT")
    may_set = tx.exec_driver_sql(
        """SELECT count(DISTINCT g.oid) FROM pg_auth_members m
           JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles u ON u.oid = m.member
           WHERE u.rolname = %s AND g.rolname IN ('guidui_web', 'guidui_worker')""", (application,)).scalar_one()
    if may_set == 2:
        return
    if tx.connection.driver_connection.info.server_version >= 160000:
        tx.exec_driver_sql(f"GRANT guidui_web, guidui_worker TO {login} WITH INHERIT FALSE, SET TRUE")
    else:  # before 16 the login itself decides what it inherits
        tx.exec_driver_sql(f"ALTER ROLE {login} NOINHERIT")
        tx.exec_driver_sql(f"GRANT guidui_web, guidui_worker TO {login}")
