"""The portal's town, whose loops find a row that raises."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from services.kit.db.engine import connect
from tests.portal.conftest import clock, gazetteer, reader, town, url

_POISON = """
CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'poison'; END
    $$;
CREATE TRIGGER poison BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW
    WHEN ({condition}) EXECUTE FUNCTION poison()"""


@pytest.fixture
def owner(database) -> Iterator[Callable[..., None]]:
    """Runs a statement as the owner of the database."""
    engine = connect(database.owner_url, None, connections_max=1)

    def run(sql: str, *params: object) -> None:
        with engine.begin() as tx:
            tx.exec_driver_sql(sql, params or None)

    yield run
    engine.dispose()


@pytest.fixture
def poison(owner) -> Callable[[str, str], Callable[[], None]]:
    """Lets one row of a table raise when it is written; returns how it is healed."""

    def poison(table: str, condition: str) -> Callable[[], None]:
        owner(_POISON.format(table=table, condition=condition))
        return lambda: owner(f"DROP TRIGGER poison ON {table}; DROP FUNCTION poison()")

    return poison
