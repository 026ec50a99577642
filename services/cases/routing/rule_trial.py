"""What a change of rule would have done to the cases of a time past, before it is switched on.
Reads only.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from services.cases.commands.arguments import refuse
from services.cases.deadlines.calendar import day_of
from services.cases.model.case import Case
from services.cases.routing import overrides as exceptions
from services.cases.routing.decision_table import DecisionTable, table
from services.cases.routing.overrides import Judgement, Override, judge
from services.cases.store import tables
from services.kit.db.engine import rows
from services.registry.directory import Directory

BATCH_ROWS_MAX = 2_000
EXAMPLES_MAX = 20
_PAGE = """
SELECT {columns} FROM transfer_case WHERE opened_at >= :since AND NOT inflow
    AND state NOT IN ('bulk_open', 'bulk_closed')
AND (opened_at, id) > (:at, CAST(:id AS uuid)) ORDER BY opened_at, id LIMIT :limit"""


def what_if(
    tx: Connection,
    since: datetime,
    *,
    rules: DecisionTable | None = None,
    drafts: Sequence[Override] = (),
) -> dict[str, Any]:
    """Judges the cases that this transaction sees, opened since then, by today's rules and by
    changed ones.

    ``rules`` takes the place of the decision table; ``drafts`` count beside the overrides that
    stand, as if they had been in force all the time.
    ``{"cases", "changed", "rows", "destinations", "examples"}``.
    """
    directory, standing = Directory.of(tx), exceptions.stored(tx)
    seen = 0
    by_row: Counter[tuple] = Counter()
    by_place: Counter[tuple] = Counter()
    examples: list[dict[str, Any]] = []
    for case in _cases(tx, since):
        seen += 1
        opened = case.opened_at or since
        as_if = [replace(d, begins=day_of(opened), until=None, set_at=opened) for d in drafts]
        before = judge(case, table(), standing, directory, day_of(opened), opened)
        after = judge(
            case, rules or table(), [*standing, *as_if], directory, day_of(opened), opened
        )
        if _said(before) == _said(after):
            continue
        by_row[before.row, after.row] += 1
        by_place[before.proposal.organisation, after.proposal.organisation] += 1
        if len(examples) < EXAMPLES_MAX:
            examples.append(
                {
                    "case": case.id,
                    "opened_on": day_of(opened).isoformat(),
                    "category": case.category,
                    "before": _shown(before, directory),
                    "after": _shown(after, directory),
                }
            )
    return {
        "since": day_of(since).isoformat(),
        "cases": seen,
        "changed": sum(by_row.values()),
        "rows": [{"before": a, "after": b, "cases": n} for (a, b), n in by_row.most_common()],
        "destinations": [
            {
                "before": a,
                "before_name": _name(directory, a),
                "after": b,
                "after_name": _name(directory, b),
                "cases": n,
            }
            for (a, b), n in by_place.most_common(50)
        ],
        "examples": examples,
    }


def _cases(tx: Connection, since: datetime) -> Iterator[Case]:
    at, ident = since, "00000000-0000-0000-0000-000000000000"
    sql = _PAGE.format(columns=", ".join(tables.COLUMNS))
    while page := rows(tx, sql, {"since": since, "at": at, "id": ident, "limit": BATCH_ROWS_MAX}):
        yield from map(tables.case_of, page)
        at, ident = page[-1].opened_at, str(page[-1].id)


def _said(judgement: Judgement) -> tuple[str | None, str | None]:
    return judgement.row, judgement.proposal.organisation


def _shown(judgement: Judgement, directory: Directory) -> dict[str, Any]:
    return {
        "rule": judgement.row,
        "organisation": judgement.proposal.organisation,
        "source": judgement.proposal.source,
        "name": _name(directory, judgement.proposal.organisation),
        "override": judgement.override.source if judgement.override else None,
    }


def _name(directory: Directory, code: str | None) -> str | None:
    organisation = directory.get(code)
    return organisation.name if organisation else None


def changed_rules(
    file: Path,
    given: Sequence[Mapping[str, Any]] | None,
    department: str | None,
    directory: Directory,
    now: datetime,
) -> tuple[DecisionTable | None, list[Override]]:
    """A changed decision table (a JSON object with ``rows``) or overrides (``given``: the rows of a
    sheet) of a file.
    """
    if given is None:
        try:
            return DecisionTable.of(json.loads(file.read_text("utf-8-sig"))), []
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise refuse(
                422,
                "not-a-table",
                f"{file.name} 不是决策表：{error!r}",
                f"{file.name} is no decision table: {error!r}",
            ) from None
    drafts = []
    for row in given:
        own = str(row.get("organisation") or department or row.get("under") or "")
        drafts.append(exceptions.read(row, own, directory, now))
    return None, drafts
