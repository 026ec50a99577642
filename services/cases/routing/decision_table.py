"""From stated facts to a row of the decision table, and from the row to the organisation that is
proposed.

The table is data (``policy/decision_table.json``); this module only reads it. Order of sources, the
rows that propose nobody and the meaning of a condition are those of interface.md §7.1-§7.3.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
from operator import attrgetter
from typing import Any

from services.cases.model.case import Statement
from services.registry.directory import Directory


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: its words, its source and how it proposes a destination."""

    code: str
    zh: str
    en: str
    source: str
    sources: tuple[str, ...] = ()
    street: bool = False
    act: str | None = None
    none_when: tuple[Sequence[Any], ...] = ()
    none_unless: tuple[Sequence[Any], ...] = ()
    source_en: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Who should receive the member, why (``source``), and the division code the address gave."""

    organisation: str | None = None
    source: str | None = None
    area: str | None = None


@dataclass(frozen=True)
class DecisionTable:
    """The decision table of one version; a city's override is another instance."""

    version: str
    first: tuple[Mapping[str, Any], ...]
    categories: Mapping[str, tuple[Mapping[str, Any], ...]]
    rows: Mapping[str, Row]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> DecisionTable:
        """A table from its JSON form."""
        named = {
            code: r["source"]
            if isinstance(r["source"], Mapping)
            else dict.fromkeys(("zh", "en"), r["source"])
            for code, r in data["rows"].items()
        }
        rows = {
            code: Row(
                code,
                r["zh"],
                r["en"],
                named[code]["zh"],
                tuple(r.get("sources", ())),
                r.get("street", False),
                r.get("act"),
                tuple(r.get("none_when", ())),
                tuple(r.get("none_unless", ())),
                named[code]["en"],
            )
            for code, r in data["rows"].items()
        }
        return cls(
            data["version"],
            tuple(data["first"]),
            {c: tuple(v) for c, v in data["categories"].items()},
            rows,
        )

    def choose(self, facts: Mapping[str, Any], origin_unit: str | None) -> str | None:
        """The first row whose condition is met by the stated facts; None if none is, and for a
        death.
        """
        category = facts.get("category")
        if category == "death":
            return None
        stated = {**facts, "origin_unit": origin_unit}
        for lines in (self.first, self.categories.get(category or "", ())):
            for line in lines:
                for condition in line["when"]:
                    if not _met(stated, condition):
                        break
                else:
                    return line["row"]
        return None

    @property
    def counting(self) -> Mapping[str, Row]:
        """The rows that may be a case's: those that some line names, and B35, which a person's
        triage leads to.

        B4 and B34 only pass on to the category.
        """
        named = {
            line["row"] for lines in (self.first, *self.categories.values()) for line in lines
        } | {"B35"}
        return {code: row for code, row in self.rows.items() if code in named}

    def looks_for(self, row: str | None, facts: Mapping[str, Any]) -> bool:
        """Whether the row looks for a destination at all in these circumstances."""
        rule = self.rows.get(row or "")
        return (
            rule is not None
            and bool(rule.sources)
            and not any(_met(facts, c) for c in rule.none_when)
            and all(_met(facts, c) for c in rule.none_unless)
        )

    def propose(
        self,
        row: str | None,
        facts: Mapping[str, Any],
        claim: str | None,
        directory: Directory,
        today: date,
    ) -> Proposal:
        """The first organisation that exists among the row's sources (interface.md §7.3)."""
        if not self.looks_for(row, facts):
            return Proposal()
        rule = self.rows[row or ""]
        area = facts.get("to.area") or None
        for source in rule.sources:
            named = _look_up(source, rule, facts, claim, directory, today)
            code = _code(directory.successor(named, today)) if named else None
            if code:
                organisation = directory.get(code)
                own_area = organisation.area if organisation else None
                return Proposal(code, source, area or own_area or None)
        return Proposal(None, None, area)


def _look_up(
    source: str,
    rule: Row,
    facts: Mapping[str, Any],
    claim: str | None,
    directory: Directory,
    today: date,
) -> str | None:
    if source == "stated":
        return _stated_organisation(facts, directory)
    if source == "unit":
        employer = facts.get("to.employer")
        return _code(directory.unit_named(employer)) if employer else None
    if source == "rule":
        return _talent_service(facts, directory)
    if source == "address":
        return _serving(facts.get("to.area") or "", rule, directory, today)
    return claim


def _stated_organisation(facts: Mapping[str, Any], directory: Directory) -> str | None:
    code = facts.get("to.organisation")
    return code if code and directory.get(code) else None


def _talent_service(facts: Mapping[str, Any], directory: Directory) -> str | None:
    """The organisation of the talent service that keeps the member's archive, in the new area."""
    area = facts.get("to.area")
    if facts.get("archive_with") != "talent_service" or not area:
        return None
    return _code(directory.talent_service_for(area))


def _serving(area: str, rule: Row, directory: Directory, today: date) -> str | None:
    """The organisation that serves an area of at least a street's nine digits: the community
    where the row is not for streets alone, else the street.
    """
    street = area[:9]
    for wanted in [street] if rule.street else [area, street]:
        code = _code(directory.serving(wanted, today)) if len(wanted) >= 9 else None
        if code:
            return code
    return None


def _code(organisation: Any) -> str | None:
    return getattr(organisation, "code", organisation)


def _met(facts: Mapping[str, Any], condition: Sequence[Any]) -> bool:
    """A condition on one stated fact; what is not stated meets none."""
    value = facts.get(condition[0])
    if value is None:
        return False
    if condition[1] == "stated":
        return True
    wanted = condition[2]
    if isinstance(wanted, bool):
        return value is wanted
    if isinstance(wanted, str):
        return value == wanted
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return {
        "lt": value < wanted,
        "le": value <= wanted,
        "ge": value >= wanted,
        "eq": value == wanted,
    }[condition[1]]


def current_facts(statements: Iterable[Statement]) -> dict[str, Any]:
    """Field by field the fact of the latest statement that states it; withdrawn ones do not
    count.
    """
    facts: dict[str, Any] = {}
    standing = [statement for statement in statements if not statement.withdrawn]
    for statement in sorted(standing, key=attrgetter("order")):
        facts.update(_stated(statement.facts))
    return facts


IMPLIED_CATEGORY = {
    "guidui.retirement.scheduled.v1": "retirement",
    "guidui.labour_relation.ended.v1": "layoff",
    "guidui.graduation.batch.v1": "graduation",
    "guidui.demobilised.notice.v1": "demobilisation",
    "guidui.residence.changed.v1": "relocation",
}
OPENING = frozenset(IMPLIED_CATEGORY) | {
    "guidui.departure.planned.v1",
    "guidui.departure.effective.v1",
    "guidui.host.report.v1",
}


def facts_stated(
    kind: str, data: Mapping[str, Any], slot: Mapping[str, Any], area: str | None
) -> dict[str, Any]:
    """What an opening event states of one person, flat: category, effective_on, ``to.*``,
    ``from.*``, circumstances.

    ``data`` is the event's common part, ``slot`` this person's ``to`` and ``circumstances``;
    ``area`` is what the address gave ("" when an address was stated and nothing can be defended, so
    that an older area does not linger).
    """
    to = {**(data.get("to") or {}), **_stated(slot.get("to"))}
    facts: dict[str, Any] = {
        "category": data.get("category") or IMPLIED_CATEGORY.get(kind),
        "effective_on": data.get("effective_on"),
        **_prefixed("to", to),
        **_prefixed("from", data.get("from") or {}),
        **(data.get("circumstances") or {}),
        **_stated(slot.get("circumstances")),
    }
    if to.get("address"):
        facts["to.area"] = area or ""
    return _stated(facts)


def _stated(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Without what is left empty."""
    return {name: value for name, value in (given or {}).items() if value is not None}


def _prefixed(prefix: str, given: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}.{name}": value for name, value in given.items()}


@lru_cache
def table() -> DecisionTable:
    """The decision table that ships with guidui."""
    return DecisionTable.of(
        json.loads(
            files("services.cases").joinpath("policy/decision_table.json").read_text("utf-8")
        )
    )
