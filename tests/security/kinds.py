"""What each parameter, field and form field of a route names. A route that the matrix cannot fill
in fails it.

A *kind* is a key of ``Tree.objects`` (``kind#2``: the second of them; ``kind*``: a list of them):
the matrix puts the foreign county's object and one that there is not in its place, and the two must
be answered alike. A ``Value`` names nothing of anybody: what is put there is written beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Value(NamedTuple):
    """What is put where nothing is named."""

    value: Any = ""


class Public(NamedTuple):
    """A name of the register, which everybody may use: an organisation to which somebody may be
    sent.
    """

    kind: str = "organisation"


Kind = str | Value | Public

# parameters of paths, by their name; where a route uses the name in another sense, under "METHOD
# path"
PATH: Mapping[str, Kind] = {
    "case_id": "case",
    "review_id": "review",
    "batch": "batch",
    "order_id": "order",
    "scan": "scan",
    "photo": "scan",
    "place": Value(1),
    "rule_id": "rule",
    "ident": "comparison",
    "position": Value(0),
    "proposal": "proposal",
    "report": "report",
    "post": "post",
    "claim": "claim",
    "quarter": Value("2026Q3"),
    "event_id": "event",
    "member": "member",
    "token": "token",
    "letter": "dead_letter",
    "decision": Value("skip"),
    "name": Value("matcher"),
    "version": Value("x"),
    "act": Value("void"),
    "command": Value("note"),
    "id": "event_of_sender",
    "account": "account",
    "key": "key",
}
PATH_OF: Mapping[str, Mapping[str, Kind]] = {
    "GET /v1/cases/{case_id}/receipt-scans/{scan}": {"case_id": "case_of_scan"},
    "POST /v1/cases/{case_id}/receipt-scans/{scan}/record": {"case_id": "case_of_scan"},
    "POST /accounts/{account}/end": {"account": "account#2"},
    "POST /cases/{case_id}/photos": {"case_id": "case_of_scan#2"},
    "POST /v1/rules/{rule_id}/end": {"rule_id": "rule#2"},
    "POST /v1/reviews/{review_id}": {"review_id": "review#2"},
    "POST /v1/double-reports/posts/{post}/close": {"post": "post#2"},
    "POST /v1/double-reports/{report}/end": {"report": "report#2"},
    "GET /cases/{case_id}/photos/{photo}": {"case_id": "case_of_scan"},
    "GET /cases/{case_id}/photos/{photo}/shown": {"case_id": "case_of_scan"},
    "GET /v1/cases/{case_id}/children": {"case_id": "bulk"},
    "POST /v1/pool/{case_id}/claim": {"case_id": "pool"},
    "POST /pool/{case_id}/claim": {"case_id": "pool"},
    "GET /v1/floating/{case_id}/notes": {"case_id": "floating"},
    "POST /v1/floating/{case_id}/notes": {"case_id": "floating"},
    "GET /floating/{case_id}": {"case_id": "floating"},
    "POST /floating/{case_id}": {"case_id": "floating"},
    "GET /reviews/{review_id}/undo": {"review_id": "matched"},
    "POST /reviews/{review_id}/undo": {"review_id": "matched"},
}
QUERY: Mapping[str, Kind] = {
    "organisation": "organisation",
    "source": Value(),
    "list": Value("announced"),
    **{
        name: Value()
        for name in (
            "since",
            "event",
            "state",
            "over",
            "status",
            "find",
            "no_receipt",
            "refused",
            "side",
            "text",
            "area",
            "category",
            "withdrawn",
            "day",
            "rebuild",
            "month",
            "done",
            "next",
            "what",
            "only",
            "age",
            "obstacle",
            "floating",
            "task",
            "print",
            "before",
            "after",
            "tab",
            "name",
        )
    },
    **{name: Value() for name in ("limit", "cursor", "offset", "page")},  # left out
}
QUERY_OF: Mapping[str, Mapping[str, Kind]] = {
    "GET /v1/cases": {"organisation": "organisation"},
    "GET /departures/new": {"member": "member"},
    "GET /v1/comparisons/{ident}": {"list": Value("not_here")},
    "GET /rolls/{ident}": {"list": Value("not_here")},
    "GET /sign-in": {"organisation": Public()},
}
_RULE: Mapping[str, Kind] = {
    "destination": Public(),
    "from": Value("2026-12-01"),
    "source": Value("文件"),
    "row": Value(),
    "under": "organisation",
    "until": Value(),
    "area": Value(),
    "find": Value(),
    "act": Value("set"),
    "destination_text": Value(),
}
_WITH: Kind = Value({"text": "备注"})
# fields of bodies in JSON: every property that the description of the call has must stand here
BODY: Mapping[str, Mapping[str, Kind]] = {
    "POST /v1/letters/batch": {"cases": "case*", "over": Value(False), "format": Value("pdf")},
    "POST /v1/letters/ranges": {
        "first": Value(1),
        "last": Value(2),
        "organisation": "organisation",
        "prefix": Value("矩"),
        "digits": Value(4),
    },
    "POST /v1/letters/void": {"number": "letter", "reason": Value("污损")},
    "POST /v1/cases/{case_id}/receipt-scans/{scan}/record": {
        "seen_state": Value("receipt_sent"),
        "command": Value("record_receipt"),
        "number": Value("1"),
        "on": Value("2026-11-23"),
        "handler": Value("赵敏"),
        "accepted_on": Value("2026-11-23"),
    },
    "POST /v1/batches/{batch}/orders": {
        "order": Value("note"),
        "with": _WITH,
        "start_on": Value("2026-12-31"),
    },
    "POST /v1/batches/{batch}/orders/{order_id}": {"paused": Value(True)},
    "POST /v1/pool/{case_id}/claim": {"name": Value("不知其名")},
    "POST /v1/addresses/withdraw": {"source": "address", "reason": Value("有误")},
    "POST /v1/rules": _RULE,
    "POST /v1/rules/what-if": _RULE,
    "POST /v1/comparisons": {"persons": Value([{"name": "欧阳无人"}])},
    "POST /v1/floating/{case_id}/notes": {
        "kind": Value("service"),
        "on": Value("2026-11-23"),
        "words": Value("扫街"),
    },
    "POST /v1/branch-proposals/{proposal}": {"decision": Value("perhaps"), "reason": Value("不急")},
    "POST /v1/double-reports": {"case": "expected"},
    "POST /v1/double-reports/posts": {"title": Value("河长"), "places": Value(1)},
    "POST /v1/double-reports/{report}/claims": {"post": "post"},
    "POST /v1/double-reports/claims/{claim}/hours": {
        "on": Value("2026-11-23"),
        "minutes": Value(30),
        "words": Value(),
    },
    "POST /v1/reviews/{review_id}": {"member": "candidate"},
    "POST /v1/cases/{case_id}/commands": {
        "command": Value("note"),
        "seen_state": Value("triaged"),
        "text": Value("备注"),
    },
    "POST /v1/dead-letters/{letter}": {"decision": Value("skip")},
    "POST /v1/consumers/{name}/resume": {},
    # says something of persons and cases of others: what comes of it is the rule of events
    "POST /v1/events": {},
    "POST /v1/cases/{case_id}/receipt-scans": {},
}
_PERSON: Mapping[str, Kind] = {
    "name": Value("欧阳无人"),
    **{name: Value() for name in ("id_number", "birth_date", "phone", "address")},
}
# fields of forms: a field that a page reads, and that does not stand here, fails the matrix
FORM: Mapping[str, Mapping[str, Kind]] = {
    "POST /accounts": {
        "organisation": "organisation",
        "role": Value("clerk"),
        "name": Value("新人"),
    },
    "POST /accounts/{account}/reset": {"organisation": Value()},
    "POST /accounts/{account}/end": {"organisation": Value()},
    "POST /keys": {"organisation": "organisation", "role": Value("sender"), "name": Value()},
    "POST /keys/{key}/revoke": {"organisation": Value()},
    "POST /department/rules": _RULE,
    "POST /department/rules/{rule_id}/end": {},
    "POST /sign-in": {
        "organisation": Public(),
        "name": Value("谁"),
        "password": Value("无"),
        "next": Value("/"),
    },
    "POST /sign-out": {},
    "POST /password": {"old": Value("无"), "new": Value("无"), "again": Value("无")},
    "POST /view": {"back": Value("/"), "language": Value("zh"), "size": Value("normal")},
    "POST /departures": {
        **_PERSON,
        "member": "member",
        "organisation": Public(),
        "organisation_text": Value(),
        "find": Value(),
        "choose": Value(),
        "key": Value("matrix-departure"),
        "category": Value("layoff"),
        "effective_on": Value("2026-11-20"),
        "employer": Value(),
        "circumstances": Value(),
    },
    "POST /arrivals": {
        **_PERSON,
        "from": Public(),
        "from_text": Value(),
        "find": Value(),
        "key": Value("matrix-arrival"),
        "from_name": Value(),
        "permit_no": Value(),
        "letter_number": Value(),
        "since": Value(),
    },
    "POST /batches/{batch}": {
        "find": Value(),
        "order": Value("note"),
        "note.text": Value("备注"),
        "start_on": Value("2026-12-31"),
    },
    "POST /batches/{batch}/pause": {"order": "order", "paused": Value("true")},
    "POST /reviews/{review_id}": {
        "who": "candidate",
        "reason": Value(),
        "ask": Value(),
        "answer": Value(),
    },
    "POST /reviews/{review_id}/undo": {
        "who": Value("member"),
        "reason": Value("认错"),
        "member": "member",
    },
    "POST /desk/{letter}/{decision}": {},
    "POST /desk/consumers/{name}/resume": {},
    "POST /pool": {
        "text": Value("不知其名"),
        "area": Value(),
        "category": Value(),
        "cursor": Value(),
    },
    "POST /pool/{case_id}/claim": {"name": Value("不知其名"), "text": Value()},
    "POST /department/addresses/search": {
        "text": Value(),
        "withdrawn": Value(),
        "page": Value(),
    },
    "POST /letters": {
        "status": Value("given"),
        "find": Value(),
        "no_receipt": Value(),
        "page": Value(),
    },
    "POST /department/addresses": {"source": "address#2", "reason": Value("有误"), "text": Value()},
    "POST /department/organisations": {
        "find": Value(),
        "what": Value("rename"),
        "organisation": "organisation#2",
        "organisation_text": Value(),
        "parent": "organisation",
        "parent_text": Value(),
        "successor": "organisation",
        "successor_text": Value(),
        "name": Value("新名"),
        "effective_to": Value("2026-12-30"),
        "key": Value("matrix-tree"),
        "effective_on": Value("2026-12-30"),
    },
    "POST /department/organisations/withdraw": {"event": "tree_event"},
    "POST /rolls": {"organisation": "organisation"},
    "POST /rolls/{ident}/{position}/report": {},
    "POST /floating/proposals": {
        "grouped": "proposal",
        "decision": Value("perhaps"),
        "reason": Value("不急"),
    },
    "POST /floating/{case_id}": {
        "kind": Value("service"),
        "on": Value("2026-11-23"),
        "words": Value("扫街"),
    },
    "POST /double-reports": {"case": "expected#2"},
    "POST /double-reports/posts": {"close": "post#2", "title": Value("河长"), "places": Value("1")},
    "POST /double-reports/claims": {"report": "report", "post": "post"},
    "POST /double-reports/hours": {
        "claim": "claim",
        "on": Value("2026-11-23"),
        "hours": Value("1"),
        "words": Value(),
    },
    "POST /double-reports/{report}/end": {},
    "POST /double-reports/{report}/{quarter}/seen": {},
    "POST /upkeep/{member}/withdraw": {"event": "noted_event"},
    "POST /upkeep": {
        "member": "member",
        "outcome": Value("phone"),
        "on": Value("2026-11-23"),
        "key": Value("matrix-upkeep"),
        "back": Value(),
    },
    "POST /cases/{case_id}/photos": {
        "photo": "scan#2",
        "command": Value("record_receipt"),
        "seen_state": Value("receipt_sent"),
        "number": Value(),
        "on": Value(),
        "handler": Value(),
    },
    "POST /letters/{act}": {
        "number": "letter",
        "reason": Value("污损"),
        "organisation": "organisation",
        "prefix": Value("矩"),
        "first": Value("2"),
        "last": Value("1"),
        "digits": Value("4"),
        "over": Value(),
        "right_mm": Value("0"),
        "down_mm": Value("0"),
        "address": Value(),
        "phone": Value(),
        "fax": Value(),
        "postcode": Value(),
    },
    "POST /cases/{case_id}/{command}": {
        "seen_state": Value("triaged"),
        "find": Value(),
        "text": Value("备注"),
        "obstacle": Value(),
    },
}
# the acts of a page that takes several: where they are named, and which there are
ACTS: Mapping[str, tuple[str, str, tuple[Any, ...]]] = {
    "POST /letters/{act}": ("path", "act", ("void", "range")),
    "POST /desk/{letter}/{decision}": ("path", "decision", ("retry", "skip")),
    "POST /department/organisations": ("form", "what", ("rename", "move", "merge", "end")),
}
MULTIPART = frozenset({"POST /rolls", "POST /cases/{case_id}/photos"})
FILES = frozenset({"POST /v1/cases/{case_id}/receipt-scans"})
