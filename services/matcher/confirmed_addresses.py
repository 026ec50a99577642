"""What people decided about cases becomes evidence about addresses: one standing row of a case at
most.

The latest act speaks: an acceptance, a ruling, a correction of the destination, a refusal that
names the right place. A row that a later act contradicts is withdrawn, and so is that of an earlier
case of the same member and address.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from schemas.envelope import Message
from schemas.topics import CASE_MOVED
from services.cases.commands.arguments import REASON_MAX, bounded, refuse
from services.cases.views.queries import as_worker, look_at_cases
from services.kit.clock import Clock
from services.kit.db.engine import rows
from services.matcher.live_gazetteer import Addresses
from services.registry.access import Caller
from services.registry.directory import Directory, Organisation

ACTS = {
    "accept": "acceptance",
    "record_paper_receipt": "acceptance",
    "rule": "ruling",
    "redirect": "correction",
    "forward": "correction",
    "confirm_destination": "correction",
    "refuse": "refusal",
}
TAKEN_BACK = frozenset(
    {"reroute", "merge", "join", "state_facts", "match", "withdraw", "close", "undo_match"}
)

_DIGITS = (9, 12)  # of a street's code, and of a community's

_ACTS = """
SELECT e.case_id::text AS case_id, e.seq, e.at, e.command, e.reason, e.by_organisation, e.detail,
    e.change, c.member,
       p.address, p.name, EXISTS (SELECT FROM case_event r WHERE r.case_id = e.case_id
           AND r.command = 'reroute'
                                  AND r.seq < e.seq) AS rerouted
FROM unnest(CAST(:ids AS uuid[]), CAST(:seqs AS int[])) AS m (case_id, seq)
JOIN case_event e USING (case_id, seq) JOIN transfer_case c ON c.id = e.case_id
LEFT JOIN case_person p ON p.case_id = e.case_id"""
_KEEP = """
INSERT INTO confirmed_address (source, address, code, "on", case_id, kind, by_organisation, path)
VALUES (:source, :address, :code, :on, CAST(:case_id AS uuid), :kind, :by, :path)
    ON CONFLICT (source) DO NOTHING"""
_LATER = """
SELECT FROM confirmed_address WHERE case_id = CAST(:case_id AS uuid)
    AND split_part(source, ':', 3)::int >= :seq LIMIT 1"""
_REPLACED = """
UPDATE confirmed_address SET withdrawn_at = :at, withdrawn_reason = :why
WHERE case_id = CAST(:case_id AS uuid) AND withdrawn_at IS NULL AND source <> :source"""
_EARLIER = """
UPDATE confirmed_address a SET withdrawn_at = :at, withdrawn_reason = 'later_case'
FROM transfer_case c WHERE c.id = a.case_id AND c.member = :member
    AND c.id <> CAST(:case_id AS uuid)
  AND a.withdrawn_at IS NULL AND a.address = ANY (:addresses) AND a.code <> :code"""
_NO_LONGER_STATED = """
UPDATE confirmed_address a SET withdrawn_at = :at, withdrawn_reason = 'statement_withdrawn'
WHERE a.case_id = ANY (CAST(:ids AS uuid[])) AND a.withdrawn_at IS NULL AND (
    EXISTS (SELECT FROM statement s WHERE s.case_id = a.case_id AND s.withdrawn
        AND s.facts ? 'to.address')
    AND NOT EXISTS (SELECT FROM statement s JOIN case_person p USING (case_id)
        WHERE s.case_id = a.case_id
        AND NOT s.withdrawn AND s.facts ->> 'to.address' = p.address)
    OR EXISTS (SELECT FROM case_event e WHERE e.case_id = a.case_id
        AND e.command IN ('reroute', 'undo_match')
               AND e.seq > split_part(a.source, ':', 3)::int))"""

_OF_MEMBER = """
SELECT a.code, a.address
FROM confirmed_address a
JOIN transfer_case c ON c.id = a.case_id
WHERE c.member = :member AND a.withdrawn_at IS NULL"""


class ConfirmationsFirst:
    """The matcher's one handler: what people decided comes first, so that the departures after it
    are read with it.
    """

    def __init__(
        self, record: ConfirmedAddressRecorder, act: Callable[[Connection, Sequence[Message]], None]
    ) -> None:
        self._record = record
        self._act = act

    def __call__(self, tx: Connection, messages: Sequence[Message]) -> None:
        """Records what people confirmed, then acts on the departures."""
        moves = [message for message in messages if message.type == CASE_MOVED]
        departures = [message for message in messages if message.type != CASE_MOVED]
        self._record(tx, moves)
        if departures:
            self._act(tx, departures)


class ConfirmedAddressRecorder:
    """Records what moved cases say of addresses."""

    def __init__(self, clock: Clock, addresses: Addresses) -> None:
        self._clock = clock
        self._addresses = addresses

    def __call__(self, tx: Connection, moved: Sequence[Message]) -> None:
        """Keeps, replaces and withdraws evidence; a message seen again changes nothing."""
        moves = [message.body for message in moved]
        self._withdraw_what_is_taken_back(tx, moves)
        destinations = {
            (move["case"], move["seq"]): move.get("destination")
            for move in moves
            if move["command"] in ACTS
        }
        if not destinations:
            return
        case_ids = [case_id for case_id, _ in destinations]
        seqs = [seq for _, seq in destinations]
        acts = rows(tx, _ACTS, {"ids": case_ids, "seqs": seqs})
        directory = Directory.of(tx)
        for act in sorted(acts, key=lambda row: (row.case_id, row.seq)):
            self._learn(tx, act, destinations[act.case_id, act.seq], directory)

    def _withdraw_what_is_taken_back(
        self, tx: Connection, moves: Sequence[Mapping[str, Any]]
    ) -> None:
        """Withdraws what no statement bears out any more, and what was learned while a match was
        being undone.
        """
        now = self._clock.now()
        doubtful = [
            move["case"] for move in moves if move["command"] in TAKEN_BACK and move["seq"] > 1
        ]
        if doubtful:
            rows_changed(tx, _NO_LONGER_STATED, {"ids": doubtful, "at": now})
        for move in moves:
            if move["command"] == "undo_match":
                forget(tx, move["case"], now, move["seq"])

    def _learn(
        self, tx: Connection, act: Any, destination: str | None, directory: Directory
    ) -> None:
        """Keeps what one act says of the case's address, unless a later act was seen already."""
        if rows(tx, _LATER, {"case_id": act.case_id, "seq": act.seq}):
            return
        if act.command == "refuse" and act.reason == "not_living_here":
            self._withdraw(tx, act, "not_living_here")
            return
        place = directory.get(confirmed_by(act, destination))
        if place is None or not act.address or act.rerouted:
            return
        code = code_of(place)
        if code is None:
            return
        address = self._addresses.current.kept(act.address, code)
        if address is None or _names_person(act, address):
            self._withdraw(tx, act, "replaced")
            return
        self._keep(tx, act, address, code, place.path)

    def _keep(self, tx: Connection, act: Any, address: str, code: str, path: str) -> None:
        """Keeps an address as confirmed, in place of what the case, and earlier cases of the same
        member and address, confirmed before.
        """
        source = f"case:{act.case_id}:{act.seq}"
        self._withdraw(tx, act, "replaced", kept=source)
        if act.member:
            self._withdraw_of_earlier_cases(tx, act, address, code)
        rows_changed(
            tx,
            _KEEP,
            {
                "source": source,
                "address": address,
                "code": code,
                "on": act.at.date(),
                "case_id": act.case_id,
                "kind": ACTS[act.command],
                "by": act.by_organisation,
                "path": path,
            },
        )

    def _withdraw(self, tx: Connection, act: Any, why: str, *, kept: str = "") -> None:
        """Withdraws what the case confirmed, but for the row ``kept``."""
        rows_changed(
            tx,
            _REPLACED,
            {"case_id": act.case_id, "at": self._clock.now(), "why": why, "source": kept},
        )

    def _withdraw_of_earlier_cases(self, tx: Connection, act: Any, address: str, code: str) -> None:
        """Withdraws what earlier cases of the member confirmed of the same address as lying
        elsewhere.
        """
        rows_changed(
            tx,
            _EARLIER,
            {
                "member": act.member,
                "case_id": act.case_id,
                "at": self._clock.now(),
                "code": code,
                "addresses": [*self._ways_to_say(tx, act), address],
            },
        )

    def _ways_to_say(self, tx: Connection, act: Any) -> list[str]:
        """The same address as earlier cases of the member were kept: their own community's name
        stands before it.
        """
        ways: list[str] = []
        for earlier in rows(tx, _OF_MEMBER, {"member": act.member}):
            if self._addresses.current.kept(act.address, earlier.code) == earlier.address:
                ways.append(earlier.address)
        return ways


def _names_person(act: Any, address: str) -> bool:
    """Whether an address, as it would be kept, holds the name of the person."""
    return bool(act.name) and act.name in address


def confirmed_by(act: Any, destination: str | None) -> str | None:
    """The organisation that an act says the address belongs to; None where it says nothing of
    that.
    """
    detail: Mapping[str, Any] = act.detail or {}
    change: Mapping[str, Any] = act.change or {}
    if act.command == "refuse":
        return detail.get("proposed") if act.reason == "wrong_organisation" else None
    if act.command == "confirm_destination":
        says_so = bool(change.get("chosen_by_person"))
    elif act.command == "forward":
        says_so = "destination" in change
    elif act.command == "rule":
        says_so = detail.get("decision") in ("redirect", "accept")
    else:
        says_so = True
    return destination if says_so else None


def code_of(place: Organisation) -> str | None:
    """The division code that an organisation stands for: a community's, else a street's."""
    if not place.serves_area or not place.area:
        return None
    return place.area if len(place.area) in _DIGITS else None


def forget(tx: Connection, case_id: str | None, now: datetime, before: int = 2**31 - 1) -> None:
    """What acts on a case taught, up to history row ``before``, stands no longer, and no row tells
    whose address it was: the case was opened for another one.
    """
    if case_id:
        rows_changed(
            tx,
            """UPDATE confirmed_address
            SET withdrawn_at = coalesce(withdrawn_at, :at), address = '',
                withdrawn_reason = 'identification_undone', case_id = NULL
            WHERE case_id = CAST(:case AS uuid)
                AND split_part(source, ':', 3)::int < :before""",
            {"case": case_id, "at": now, "before": before},
        )


def rows_changed(tx: Connection, sql: str, params: Mapping[str, Any]) -> int:
    """How many rows a statement changed."""
    return tx.execute(text(sql), params).rowcount


_LISTED = """
SELECT source, address, code, "on", case_id::text AS case_id, kind, by_organisation, withdrawn_at,
    withdrawn_reason,
       withdrawn_by FROM confirmed_address
WHERE (:text = '' OR address LIKE '%' || :text || '%' OR code LIKE :text || '%')
    AND (:all OR withdrawn_at IS NULL)
  AND address <> ''
ORDER BY "on" DESC NULLS LAST, source LIMIT :limit OFFSET :offset"""

_WITHDRAW = """
UPDATE confirmed_address
SET withdrawn_at = :at, withdrawn_by = :by, withdrawn_reason = :why
WHERE source = :source AND withdrawn_at IS NULL"""


def listed(
    tx: Connection, words: str = "", *, withdrawn: bool = False, limit: int = 50, offset: int = 0
) -> Sequence[Any]:
    """Evidence about places that this transaction sees, newest first: address, code, day, kind,
    case, whose it is.
    """
    plain = words.strip().replace("\\", "").replace("%", "").replace("_", "")
    return rows(tx, _LISTED, {"text": plain, "all": withdrawn, "limit": limit, "offset": offset})


def withdraw(
    tx: Connection,
    caller: Caller,
    source: str,
    reason: str,
    clock: Clock,
    person: str | None = None,
) -> None:
    """Takes one confirmed address back; the next address is read without it. Cases that it decided
    stay as they are.

    404 not seen by the caller, 422 without a reason, 409 where it is withdrawn already.
    """
    look_at_cases(tx, caller)
    seen = rows(tx, "SELECT withdrawn_at FROM confirmed_address WHERE source = :s", {"s": source})
    if not seen:
        raise refuse(
            404,
            "no-such-evidence",
            "没有这条已确认的地址，或不在本组织的范围内。",
            "There is no such confirmed address, or it lies outside your organisation's reach.",
        )
    if not reason.strip():
        raise refuse(422, "field-missing", "请填写撤回的理由。", "Give the reason.", field="reason")
    if seen[0].withdrawn_at:
        raise refuse(409, "withdrawn-already", "这条已撤回。", "It has been withdrawn already.")
    with as_worker(tx):
        rows_changed(
            tx,
            _WITHDRAW,
            {
                "at": clock.now(),
                "by": person or caller.organisation,
                "why": bounded(reason, REASON_MAX, "reason"),
                "source": source,
            },
        )
