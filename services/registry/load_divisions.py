"""The division table, 665,000 rows: lines that are plainly right go through by the thousand, others
one by one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from itertools import islice

from sqlalchemy import Connection, Engine

from services.registry.file_schemas import DIVISION_DIGITS, KINDS, Faults
from services.registry.tabular import Row, Sheet
from services.registry.upsert import BATCH_ROWS_MAX, batches, copy, one_fault

KIND = KINDS["divisions"]
COLUMNS = tuple(KIND.columns)
Reject = Callable[[Row, Faults], None]
_PLAIN = re.compile(r'^([0-9]{2,12}),([^,"\r\n\t\\ ]{1,200}),([1-5]),([0-9]*)\r?$', re.MULTILINE)
_DIGITS = {str(level): digits for level, digits in DIVISION_DIGITS.items()}
_ABOVE_DIGITS = {4: 2, 6: 4, 9: 6, 12: 9}
_ABOVE = {str(level): DIVISION_DIGITS.get(level - 1, 0) for level in DIVISION_DIGITS}


Division = tuple[str, str, str, str]
"""Code, name, level (1 province, 2 city, 3 county, 4 street or township, 5 community or village),
parent ('' at the top).
"""


class DivisionReader:
    """Turns the rows of a sheet into batches of divisions; a superior may stand anywhere in the
    file or in the register.
    """

    def __init__(self, known: Iterator[str], reject: Reject) -> None:
        self._upper = {*known, ""}
        self._seen: set[str] = set()
        self._orphans: list[tuple[Row, Division]] = []
        self._reject = reject

    @property
    def listed(self) -> frozenset[str]:
        """Every code of the file that could be read."""
        return frozenset(self._seen)

    def batches(self, sheet: Sheet) -> Iterator[list[Division]]:
        """Batches of at most 5,000; those whose superior comes later in the file come last."""
        number = 1 if sheet.header is None else 2
        while chunk := list(islice(sheet.lines, BATCH_ROWS_MAX)):
            yield (sheet.header == COLUMNS and self._plain(chunk)) or list(
                self._one_by_one(sheet.rows(iter(chunk), number))
            )
            number += len(chunk)
        yield from batches(self._found())

    def rows(self, rows: Iterator[Row]) -> Iterator[list[Division]]:
        """The same of rows in memory."""
        yield from batches(self._one_by_one(rows))
        yield from batches(self._found())

    def _plain(self, chunk: list[str]) -> list[Division] | None:
        divisions: list[Division] = _PLAIN.findall("".join(chunk))
        codes = {row[0] for row in divisions}
        upper = {row[0] for row in divisions if row[2] != "5"}
        if (
            len(codes) != len(chunk)
            or not codes.isdisjoint(self._seen)
            or not all(
                len(code) == _DIGITS[level]
                and len(parent) == _ABOVE[level]
                and code.startswith(parent)
                and (parent in self._upper or parent in upper)
                for code, _, level, parent in divisions
            )
        ):
            return None
        self._seen |= codes
        self._upper |= upper
        return divisions

    def _one_by_one(self, rows: Iterator[Row]) -> Iterator[Division]:
        for row in rows:
            try:
                values = KIND.read(row)
            except Faults as faults:
                self._reject(row, faults)
                continue
            division = (
                values["code"],
                values["name"],
                str(values["level"]),
                values["parent"] or "",
            )
            if division[0] in self._seen:
                self._reject(
                    row,
                    one_fault("code", f"代码 {division[0]} 在文件里出现了不止一次", "只保留一行"),
                )
                continue
            self._seen.add(division[0])
            if values["level"] != 5:
                self._upper.add(division[0])
            if division[3] in self._upper:
                yield division
            else:
                self._orphans.append((row, division))

    def _found(self) -> Iterator[Division]:
        for row, division in self._orphans:
            if division[3] in self._upper:
                yield division
            else:
                self._reject(
                    row,
                    one_fault(
                        "parent",
                        f"上级 {division[3]} 不在文件里，也不在区划表里",
                        "先导入上级，或改正代码",
                    ),
                )


def write_divisions(tx: Connection, batch: Sequence[Division], empty: bool) -> int:
    """Write a batch and say how many were new or changed; `empty` says that the table held nothing
    before the load.
    """
    if empty:
        copy(tx, "division", COLUMNS, batch, null="")
        return len(batch)
    codes, names, _, parents = (list(column) for column in zip(*batch, strict=True))
    different = tx.exec_driver_sql(
        "SELECT new.code, old.code IS NULL AS missing "
        "FROM unnest(%s::text[], %s::text[], %s::text[]) AS new (code, name, parent) "
        "LEFT JOIN division old USING (code) "
        "WHERE (old.name, coalesce(old.parent, '')) IS DISTINCT FROM (new.name, new.parent)",
        (codes, names, parents),
    ).all()
    missing = {row.code for row in different if row.missing}
    copy(
        tx, "division", COLUMNS, [division for division in batch if division[0] in missing], null=""
    )
    changed = {row.code for row in different} - missing
    if changed:
        tx.exec_driver_sql(
            "UPDATE division SET name = new.name, parent = nullif(new.parent, '') "
            "FROM unnest(%s::text[], %s::text[], %s::text[]) AS new (code, name, parent) "
            "WHERE division.code = new.code AND new.code = ANY (%s)",
            (codes, names, parents, list(changed)),
        )
    return len(different)


def past(known: Iterable[str], listed: frozenset[str]) -> list[str]:
    """Codes of the table that a newer edition no longer has.

    A province, city or county whose own row the file has counts as listed whole if the file has at
    least half as many rows right below it as the table; so does a street in such a county (an
    edition of levels 1 to 4 leaves communities alone, and a few added rows change nothing else).
    What stands below a division listed whole and is not in the file is past, with all below it.
    """
    known = list(known)
    standing, named = _children(known), _children(listed)
    whole = {code for code in listed if len(code) <= 6 and 0 < standing[code] <= 2 * named[code]}
    whole |= {
        code
        for code in listed
        if len(code) == 9 and code[:6] in whole and standing[code] <= 2 * named[code]
    }
    return [
        code for code in known if code not in listed and _first_missing_under(code, listed) in whole
    ]


def _children(codes: Iterable[str]) -> Counter[str]:
    """How many codes stand right below each."""
    return Counter(code[: _ABOVE_DIGITS[len(code)]] for code in codes if len(code) > 2)


def _first_missing_under(code: str, listed: frozenset[str]) -> str:
    """The division right above the highest one on the way down to `code` that is not listed."""
    parent = ""
    for digits in (2, 4, 6, 9, 12):
        if code[:digits] not in listed:
            return parent
        parent = code[:digits]
    return parent


def close_past(engine: Engine, listed: frozenset[str], on: date) -> list[str]:
    """Marks what a file no longer lists as past and what it lists again as standing; gives the
    codes that are past now.
    """
    with engine.begin() as tx:
        known = tx.exec_driver_sql("SELECT code, gone_on FROM division").all()
    gone = past((code for code, gone_on in known if gone_on is None), listed)
    again = [code for code, gone_on in known if gone_on is not None and code in listed]
    for codes, day in ((gone, on), (again, None)):
        for batch in batches(codes):
            with engine.begin() as tx:
                tx.exec_driver_sql(
                    "UPDATE division SET gone_on = %s WHERE code = ANY (%s)", (day, batch)
                )
    return sorted(gone)


def known_divisions(engine: Engine) -> tuple[list[str], bool]:
    """Codes of levels 1 to 4 in the table, and whether it is empty."""
    with engine.begin() as tx:
        return (
            list(tx.exec_driver_sql("SELECT code FROM division WHERE level < 5").scalars()),
            not tx.exec_driver_sql("SELECT EXISTS (SELECT FROM division)").scalar_one(),
        )
