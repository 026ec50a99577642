"""The pool: members who left and whose destination nobody knows yet. Departments search it,
communities claim from it.

Whoever looks sees the least that tells a person apart: surname, sex, year of birth, why and from
where they left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from services.cases.commands.arguments import refuse
from services.cases.model import states as s
from services.cases.routing.decision_table import table
from services.cases.views import queries
from services.identity import han
from services.kit.clock import ZONE
from services.kit.db import paging
from services.kit.db.engine import rows
from services.registry.access import Caller
from services.registry.directory import Directory, Organisation

_WANTED = (
    "c.state IN ('announced', 'triaged') AND c.destination IS NULL AND c.member IS NOT NULL AND "
    "NOT c.inflow "
    "AND c.category IS DISTINCT FROM 'death' AND (c.rule IS NULL OR c.rule = 'B35' OR {looks})"
)
# a place in doubt lies in an area, or the area lies in the place where only a county or city is
# known
_IN_AREA = (
    "EXISTS (SELECT FROM jsonb_array_elements(p.evidence -> 'candidates') k WHERE starts_with(k "
    "->> 'code', :area) "
    "OR (length(k ->> 'code') >= 4 AND starts_with(:area, k ->> 'code'))) "
    "OR starts_with(c.facts ->> 'to.area', :area)"
)
_SAID = (
    "p.name = :text OR c.origin = ANY (:origins) OR EXISTS (SELECT FROM jsonb_array_elements("
    "p.evidence -> 'candidates') k WHERE strpos(k ->> 'name', :text) > 0)"
)
_READ = """
SELECT c.id, c.member, c.category, c.rule, c.origin, c.origin_path, c.opened_at, c.reports,
    c.obstacle, p.name,
       coalesce(p.sex, m.sex, CASE WHEN m.id_number ~ '^[0-9]{{17}}[0-9X]$' THEN
           CASE right(left(m.id_number, 17), 1)::int % 2 WHEN 1 THEN 'male'
               ELSE 'female' END END) AS sex,
       left(coalesce(p.birth_date, m.birth_date::text,
           substring(m.id_number FROM '^[0-9]{{6}}([0-9]{{4}})[0-9]{{7}}[0-9X]$')), 4)
           AS birth_year,
       p.evidence -> 'candidates' AS candidates
FROM transfer_case c JOIN case_person p ON p.case_id = c.id LEFT JOIN member m
    ON m.member = c.member
WHERE {where} ORDER BY c.opened_at DESC, c.id DESC LIMIT :limit"""


def _wanted() -> tuple[str, dict[str, Any]]:
    """The condition of the pool with its parameters: of rows that look for a destination in some
    circumstances only (B19: not whoever stays at the school) these circumstances count, as in
    `DecisionTable.looks_for`.
    """
    always: list[str] = []
    params: dict[str, Any] = {"looking": always}
    looks = ["c.rule = ANY (:looking)"]
    for code, row in table().rows.items():
        if not row.sources:
            continue
        tests = [f"NOT {_met(condition, params)}" for condition in row.none_when]
        tests += [_met(condition, params) for condition in row.none_unless]
        if tests:
            looks.append(f"c.rule = '{code}' AND {' AND '.join(tests)}")
        else:
            always.append(code)
    return _WANTED.format(looks=" OR ".join(looks)), params


def _met(condition: Sequence[Any], params: dict[str, Any]) -> str:
    """A condition of the table on a fact, as SQL; what is not stated meets none."""
    name = f"fact_{len(params)}"
    params[name] = condition[0]
    fact = f"c.facts ->> CAST(:{name} AS text)"
    if condition[1] == "stated":
        return f"({fact} IS NOT NULL)"
    params[f"{name}_is"] = (
        str(condition[2]).lower() if isinstance(condition[2], bool) else condition[2]
    )
    return f"coalesce({fact} = :{name}_is, false)"


@dataclass(frozen=True, slots=True)
class PoolFilter:
    """Whom to look for in the pool; empty: everybody.

    ``text``: a full name, part of the name of an organisation or of a place (departments also part
    of the address); ``area``: a division code or the beginning of one; ``category``: why they left.
    """

    text: str = ""
    area: str = ""
    category: str = ""


def search(
    tx: Connection, caller: Caller, wanted: PoolFilter, page: paging.Page
) -> paging.Part[dict[str, Any]]:
    """The pool as ``caller`` may see it, newest first.

    Departments see all of it; an organisation that serves an area, those who may live in its
    county, and anybody whose full name is given.
    """
    directory, words = Directory.of(tx), han.ordinary(wanted.text.strip())
    me, overseeing = directory.get(caller.organisation), caller.role in ("department", "admin")
    if not overseeing and not _serves(me):
        raise refuse(
            403,
            "serves-no-area",
            "只有组织部门和有管辖区域的党组织可以查去向待定的党员。",
            "Only departments and organisations that serve an area may look into the pool.",
        )
    after = page.after(paging.moment, paging.ident)
    in_the_pool, params = _wanted()
    where = [in_the_pool, *_conditions(wanted, words, overseeing)]
    params |= {
        "limit": page.one_more,
        "text": words,
        "area": wanted.area.strip(),
        "category": wanted.category,
        "origins": _named_like(words, directory),
        "county": (me.area or "")[:6] if me else "",
    }
    if after:
        where.append("(c.opened_at, c.id) < (CAST(:at AS timestamptz), CAST(:id AS uuid))")
        params |= {"at": after[0], "id": after[1]}
    with queries.as_worker(tx):
        case_rows = rows(tx, _READ.format(where=" AND ".join(where)), params)
    part = page.placed(case_rows, lambda row: (row.opened_at, str(row.id)))
    return part.reshaped(lambda row: _item(row, caller, directory))


def _conditions(wanted: PoolFilter, words: str, overseeing: bool) -> list[str]:
    """What of the pool is asked for, and of that what the caller may see."""
    conditions = []
    if words and overseeing:
        conditions.append(f"({_SAID} OR strpos(p.address, :text) > 0)")
    elif words:
        conditions.append(f"({_SAID})")
    if wanted.area.strip():
        conditions.append(f"({_IN_AREA})")
    if wanted.category:
        conditions.append("c.category = :category")
    if not overseeing:
        in_own_county = _IN_AREA.replace(":area", ":county")
        conditions.append(f"(p.name = :text OR {in_own_county})")
    return conditions


def _named_like(words: str, directory: Directory) -> list[str]:
    """Codes of the organisations whose name has these words in it, from two characters on."""
    if len(words) < 2:
        return []
    return [organisation.code for organisation in directory if words in organisation.name]


def _serves(organisation: Organisation | None) -> bool:
    return (
        organisation is not None and organisation.serves_area and len(organisation.area or "") >= 6
    )


def _item(row: Any, caller: Caller, directory: Directory) -> dict[str, Any]:
    """One row of the pool; the whole name only for those who oversee where the member came from."""
    own = caller.role in ("department", "admin") and (row.origin_path or "").startswith(caller.path)
    origin = directory.get(row.origin)
    return {
        "case": str(row.id),
        "person": {
            "name": row.name if own else masked_name(row.name),
            "sex": row.sex,
            "birth_year": row.birth_year,
        },
        "category": row.category,
        "rule": row.rule,
        "origin": row.origin,
        "origin_name": origin.name if origin else None,
        "at": row.opened_at.astimezone(ZONE).isoformat(),
        "address_unknown": row.obstacle == "address_unknown",
        "places": [
            {k: c.get(k) for k in ("code", "name", "confidence")} for c in row.candidates or ()
        ],
        "claims": list(dict.fromkeys(r["organisation"] for r in row.reports or ())),
        "own": own,
    }


def masked_name(name: str | None) -> str | None:
    """赵某某 as 赵**: enough to recognise somebody one knows."""
    return name[:1] + "*" * max(1, len(name) - 1) if name else None


def to_claim(tx: Connection, caller: Caller, case_id: str, name: str) -> Mapping[str, Any]:
    """The member whom ``caller`` may claim: ``{"member", "name"}``, or Refused.

    404 not in the pool as the caller sees it; 403 it serves no area, or knows the name of somebody
    who lives in another; 422 the full name is not the member's: who claims somebody knows them.
    """
    me = Directory.of(tx).get(caller.organisation)
    if me is None or not _serves(me) or caller.role == "sender":
        raise refuse(
            403,
            "serves-no-area",
            "只有有管辖区域的党组织可以认领。",
            "Only an organisation that serves an area may claim.",
        )
    pooled = _pooled(tx, case_id)
    name = name.strip()
    near = pooled is not None and _near(pooled, me)
    if pooled is None or not (near or name == pooled.name):  # the list does not show them either
        raise refuse(
            404,
            "not-in-the-pool",
            "这名党员不在本组织可以认领的名单里，可能已有去向。",
            "Nobody by this reference is among those whom your organisation may claim; "
            "they may have a destination by now.",
        )
    if not near and _places(pooled):
        raise refuse(
            403,
            "another-area",
            "从地址看，这名党员不在本组织所在的县区，不能认领。",
            "By the address this member does not live in your county.",
        )
    if not name or name != pooled.name:
        raise refuse(
            422,
            "name-differs",
            "姓名与登记的不符。请核对本人全名后再认领。",
            "The name is not the one on record. Check the member's full name.",
            field="name",
        )
    return {"case": str(pooled.id), "member": pooled.member, "name": pooled.name}


def _pooled(tx: Connection, case_id: str) -> Any | None:
    """A case of the pool, whoever may see it; None where no case of this id is in the pool."""
    try:
        ident = str(UUID(case_id))
    except ValueError:
        return None
    wanted, params = _wanted()
    condition = wanted + " AND c.id = CAST(:id AS uuid)"
    with queries.as_worker(tx):
        pooled = rows(tx, _READ.format(where=condition), params | {"limit": 1, "id": ident})
    return pooled[0] if pooled else None


def _places(pooled: Any) -> list[str]:
    """Codes of the places that the member's address may be, cities and smaller."""
    return [c["code"] for c in pooled.candidates or () if len(c["code"]) >= 4]


def _near(pooled: Any, me: Organisation) -> bool:
    """Whether the member may live in an organisation's county, by the address as it was read."""
    county = (me.area or "")[:6]
    return any(place.startswith(county) or county.startswith(place) for place in _places(pooled))


def unsettled_addresses(tx: Connection, caller: Caller, limit: int = 5000) -> Sequence[Any]:
    """Open cases of the caller's tree before the letter, with the address and what was read from it
    then.
    """
    queries.look_at_cases(tx, caller)
    return rows(
        tx,
        """
        SELECT c.id::text AS id, c.state, c.origin, c.destination, c.category, c.opened_at, p.name,
            p.address, p.evidence
        FROM transfer_case c JOIN case_person p ON p.case_id = c.id
        WHERE c.state = ANY (:states) AND p.address IS NOT NULL AND c.origin_path ~>=~ :lo
            AND c.origin_path ~<~ :hi
        ORDER BY c.opened_at DESC, c.id LIMIT :limit""",
        {
            "states": [s.ANNOUNCED, s.TRIAGED, s.DESTINATION_CONFIRMED, s.OUT_APPROVAL],
            "limit": limit,
            "lo": caller.path,
            "hi": caller.path[:-1] + "/",
        },
    )
