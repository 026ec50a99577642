"""Stored policy versions: read for every transaction that decides, added to and never altered."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from services.cases.policy.book import Book, Version
from services.cases.policy.values import Policy
from services.kit.db.engine import dumps

# (base, versions, their book): the same few are asked for by every transaction
_books: deque[tuple[Policy, tuple[Version, ...], Book]] = deque(maxlen=8)
_READ = """
SELECT version, effective_from, document, source, "values"::text, city, route, category FROM policy
    ORDER BY version"""
_KEEP = """
INSERT INTO policy (version, effective_from, document, source, "values", city, route, category,
    loaded_at)
SELECT version, effective_from, document, source, "values", city, route, category, %s
FROM json_to_recordset(%s::json) AS p(version text, effective_from date, document text, source text,
    "values" jsonb,
    city text, route text, category text)"""


def stored_versions(tx: Connection) -> tuple[Version, ...]:
    """All versions ever loaded, also those to come."""
    return _versions(tuple(map(tuple, tx.exec_driver_sql(_READ))))


def stored_book(tx: Connection, base: Policy) -> Book:
    """The book of this database over ``base``."""
    versions = stored_versions(tx)
    for known in _books:
        if known[0] is base and known[1] is versions:
            return known[2]
    book = Book.of(base, versions)
    _books.append((base, versions, book))
    return book


@lru_cache(maxsize=16)
def _versions(version_rows: tuple[tuple[Any, ...], ...]) -> tuple[Version, ...]:
    return tuple(
        Version(version, since, document, source, json.loads(values), city, route, category)
        for version, since, document, source, values, city, route, category in version_rows
    )


def keep(tx: Connection, versions: Sequence[Version], now: datetime) -> None:
    """Stores versions that were checked (``policy_file.read``)."""
    tx.exec_driver_sql(
        _KEEP,
        (
            now,
            dumps(
                [
                    {
                        "version": version.version,
                        "effective_from": version.effective_from,
                        "document": version.document,
                        "source": version.source,
                        "values": version.values,
                        "city": version.city,
                        "route": version.route,
                        "category": version.category,
                    }
                    for version in versions
                ]
            ),
        ),
    )


def in_force(versions: Sequence[Version], today: date) -> tuple[list[Version], list[Version]]:
    """Those that count today and those to come, the latest first."""
    ordered = sorted(
        versions, key=lambda version: (version.effective_from, version.version), reverse=True
    )
    return (
        [version for version in ordered if version.effective_from <= today],
        [version for version in ordered if version.effective_from > today],
    )
