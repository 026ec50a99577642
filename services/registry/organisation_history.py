"""What organisations were before: a line for every column of an organisation that became different,
kept for good.

Written by whatever changes the register of organisations. It says how the tree stood on a day that
is over, and which of two statements about a column is the newer one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from services.kit.db.engine import driver_of
from services.registry.directory import Directory, Organisation
from services.registry.tree import paths

COLUMNS = tuple(name for name in Organisation._fields if name not in ("code", "path"))
Stamp = tuple[datetime, str]
_KEEP = """
INSERT INTO organisation_past (code, field, before, after, at, said_at, said_by)
VALUES (%(code)s, %(field)s, %(before)s, %(after)s, %(at)s, %(said_at)s, %(said_by)s)"""


def line(  # noqa: PLR0913
    code: str,
    column: str,
    before: Any,
    after: Any,
    at: datetime,
    said_at: datetime,
    said_by: str = "",
) -> dict[str, Any]:
    """One line: the column took its value `at`, by what was said at `said_at` (by an event, or by a
    file: empty).
    """
    return {
        "code": code,
        "field": column,
        "before": _text(before),
        "after": _text(after),
        "at": at,
        "said_at": said_at,
        "said_by": said_by,
    }


def differences(
    rows: Iterable[Mapping[str, Any]], directory: Directory, at: datetime
) -> Iterator[dict[str, Any]]:
    """The lines of rows that differ from the register; an organisation that is new has none."""
    for row in rows:
        before = directory.get(row["code"])
        if before is None:
            continue
        for column in COLUMNS:
            if row[column] != getattr(before, column):
                yield line(row["code"], column, getattr(before, column), row[column], at, at)


def keep(tx: Connection, lines: Iterable[Mapping[str, Any]]) -> None:
    """Writes lines; `tx` acts as the worker."""
    if listed := list(lines):
        driver_of(tx).cursor().executemany(_KEEP, listed)


def stamps(tx: Connection, codes: Sequence[str]) -> dict[tuple[str, str], Stamp]:
    """(organisation, column) -> when, and by whom, its newest value was said."""
    changes = tx.exec_driver_sql(
        "SELECT DISTINCT ON (code, field) code, field, said_at, said_by FROM organisation_past "
        "WHERE code = ANY (%s) "
        "ORDER BY code, field, said_at DESC, said_by DESC",
        (list(codes),),
    ).all()
    return {(row.code, row.field): (row.said_at, row.said_by) for row in changes}


def paths_at(tx: Connection, moment: datetime) -> dict[str, str]:
    """Organisation -> its path in the tree as this register had it just before a moment.

    Organisations that came later stand where they came first.
    """
    directory = Directory.of(tx)
    since = tx.exec_driver_sql(
        "SELECT DISTINCT ON (code) code, before FROM organisation_past WHERE field = 'parent' AND "
        "at >= %s "
        "ORDER BY code, seq",
        (moment,),
    ).all()
    if not since:
        return {organisation.code: organisation.path for organisation in directory}
    return paths(
        {organisation.code: organisation.parent for organisation in directory}
        | {row.code: row.before for row in since}
    )


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.isoformat() if isinstance(value, date) else value
