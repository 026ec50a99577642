"""A walk-in whom no register knew is joined to a member once the member is known (interface.md
§7.1).

Two things make the member known: the register, in which the member is new or more is known of them;
and a later event that names a member of ours together with what the walk-in stated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Connection, Engine

from services.cases.commands.decide import entered
from services.cases.commands.destination import choose_destination
from services.cases.commands.statements import restated
from services.cases.deadlines import tasks as deadlines
from services.cases.model import states
from services.cases.model.case import Case, DecisionContext, Step
from services.cases.routing.rule_source import RuleSource
from services.cases.store import tables
from services.cases.store.tables import Change
from services.identity.keys import person_keys
from services.identity.model import Model
from services.identity.persons import MemberRecord
from services.kit.clock import Clock
from services.kit.db.engine import rows
from services.kit.loops import Part
from services.matcher import announcements
from services.matcher.announcements import Announcement, Place
from services.matcher.decision import Decision
from services.matcher.member_locks import lock_members
from services.matcher.model_store import in_force
from services.matcher.people import People

log = structlog.get_logger()
AT_ONCE = 500
_ADDED = ("id_number", "birth_date", "phone", "sex", "address")
WAITING = Part("walk_ins", "waiting")
_STATES = states.in_sql(sorted(states.BEFORE_ACCEPTED))
_OPEN = f"""
SELECT i.event_id, i.position, c.id::text AS case_id FROM transfer_case c
JOIN identification i ON i.case_id = c.id AND i.decision = 'outside'
WHERE c.inflow AND c.member IS NULL AND c.state IN {_STATES} AND {WAITING.not_aside("c.id::text")}
ORDER BY c.opened_at, c.id LIMIT :limit OFFSET :offset"""
_RECORDS = """
SELECT member, name, sex, birth_date::text, id_number, phone, address, organisation
FROM member WHERE member = ANY (%s)"""
_JOIN = """
UPDATE identification SET decision = 'match', member = %s, case_id = %s::uuid
WHERE case_id = %s::uuid AND decision = 'outside'"""


@dataclass(frozen=True, slots=True)
class WalkIn:
    """A walk-in whose case is open: the announcement that opened it, and that case."""

    announcement: Announcement
    case_id: str


@dataclass(frozen=True, slots=True)
class Joining:
    """A walk-in's case, and the member that it turned out to be of."""

    case_id: str
    member: str
    home: str | None


@dataclass(frozen=True, slots=True)
class Named:
    """A member whom an event names: the announcement, and the member as registered."""

    announcement: Announcement
    record: MemberRecord
    home: str | None

    @property
    def as_stated(self) -> MemberRecord:
        """The member with what the event adds where the register is silent."""
        added: dict[str, Any] = {}
        for name in _ADDED:
            registered = getattr(self.record, name)
            added[name] = registered or getattr(self.announcement.person, name)
        return replace(self.record, **added)


def look_again(engine: Engine, people: People, clock: Clock, rule_source: RuleSource) -> int:
    """Asks the register once more about every walk-in that still waits; returns how many it knows
    now.
    """
    joined = 0
    offset = 0
    while True:
        with engine.begin() as tx:
            waiting = _waiting(tx, offset)
            context = rule_source.context(tx, clock.now())
            done = WAITING.each_by_itself(
                tx,
                waiting,
                lambda some, context=context: _ask(tx, some, people, context),
                context.now,
                key=lambda walk_in: walk_in.case_id,
                organisation=lambda walk_in: walk_in.announcement.organisation,
            )
        joined_now = sum(done.results)
        joined += joined_now
        # neither those that joined nor those that stand aside are read again
        offset += len(waiting) - joined_now - done.aside
        if len(waiting) < AT_ONCE:
            return joined


def _ask(
    tx: Connection, waiting: Sequence[WalkIn], people: People, context: DecisionContext
) -> int:
    """Asks the register about some walk-ins, and joins those whom it knows; returns how many."""
    decisions = people.find(tx, [walk_in.announcement for walk_in in waiting], context)
    joinings: list[Joining] = []
    for walk_in in waiting:
        decision = decisions[walk_in.announcement.place]
        if decision.is_match and decision.member:
            joinings.append(Joining(walk_in.case_id, decision.member, decision.organisation))
    return join(tx, joinings, context)


def met(
    tx: Connection,
    persons: Sequence[Announcement],
    decisions: Mapping[Place, Decision],
    context: DecisionContext,
) -> int:
    """Joins the walk-ins who are members that these events name; returns how many."""
    matched = [a for a in persons if decisions[a.place].is_match]
    waiting = _waiting(tx) if matched else []
    if not waiting:
        return 0
    by_key = _by_key(_named(tx, matched, decisions))
    model = in_force(tx)
    joinings: list[Joining] = []
    for walk_in in waiting:
        named = _same_person(walk_in.announcement, by_key, model)
        if named:
            joinings.append(Joining(walk_in.case_id, named.record.member, named.home))
    return join(tx, joinings, context)


def _named(
    tx: Connection, matched: Sequence[Announcement], decisions: Mapping[Place, Decision]
) -> list[Named]:
    """The members whom announcements name, as far as the register still has them."""
    members = {decisions[announcement.place].member for announcement in matched}
    records = _records(tx, {member for member in members if member})
    named: list[Named] = []
    for announcement in matched:
        decision = decisions[announcement.place]
        record = records.get(decision.member or "")
        if record is not None:
            named.append(Named(announcement, record, decision.organisation))
    return named


def _by_key(named: Iterable[Named]) -> dict[str, list[Named]]:
    by_key: dict[str, list[Named]] = {}
    for member in named:
        for key in person_keys(member.announcement.person):
            by_key.setdefault(key, []).append(member)
    return by_key


def _same_person(
    walk_in: Announcement, by_key: Mapping[str, Sequence[Named]], model: Model
) -> Named | None:
    """The member among those named whom the walk-in certainly is: as registered and as the event
    says.
    """
    near: dict[str, Named] = {}
    for key in person_keys(walk_in.person):
        for named in by_key.get(key, ()):
            near[named.record.member] = named
    if not near:
        return None
    records = [named.as_stated for named in near.values()]
    answer = model.judge(walk_in.person, records, {})
    if answer.decision != "match":
        return None
    return near[answer.candidates[0].member]


def _waiting(tx: Connection, offset: int = 0) -> list[WalkIn]:
    """The walk-ins of open cases as they were posted, with their case."""
    case_of: dict[Place, str] = {}
    for row in rows(tx, _OPEN, {"limit": AT_ONCE, "offset": offset}):
        case_of[row.event_id, row.position] = row.case_id
    if not case_of:
        return []
    events = {event for event, _ in case_of}
    return [
        WalkIn(announcement, case_of[announcement.place])
        for announcement in announcements.read(tx, sorted(events, key=str))
        if announcement.place in case_of
    ]


def _records(tx: Connection, members: Iterable[str]) -> dict[str, MemberRecord]:
    registered = tx.exec_driver_sql(_RECORDS, (sorted(members),))
    records = [MemberRecord(*row) for row in registered]
    return {record.member: record for record in records}


def join(tx: Connection, joinings: Sequence[Joining], context: DecisionContext) -> int:
    """Makes walk-ins' cases the cases of their members, or part of the case that a member has
    already; returns how many.
    """
    in_order = sorted(joinings, key=lambda joining: (joining.member, joining.case_id))
    return sum(_join_one(tx, joining, context) for joining in in_order)


def _join_one(tx: Connection, joining: Joining, context: DecisionContext) -> bool:
    """Joins one walk-in; False where the case has moved on meanwhile, or the member's case is under
    way as well: then people merge them.
    """
    case = tables.load(tx, [joining.case_id]).get(joining.case_id)
    if case is None or case.member or case.state not in states.BEFORE_ACCEPTED:
        return False
    lock_members(tx, [joining.member])
    case_of_member = tables.open_of_members(tx, [joining.member]).get(joining.member)
    if case_of_member is None:
        tables.write(tx, [_become(case, joining, context)], context)
        remaining = case
    elif case.state in (states.ANNOUNCED, states.TRIAGED):
        _merge(tx, case, case_of_member, context)
        remaining = case_of_member
    else:
        return False
    tx.exec_driver_sql(_JOIN, (joining.member, remaining.id, case.id))
    log.info("walk_in_joined", case=case.id, into=remaining.id)
    return True


def _become(case: Case, joining: Joining, context: DecisionContext) -> Change:
    """The case with its member; where it was only announced, the row is chosen as for any other."""
    after = case.replace(
        member=joining.member, origin=joining.home, inflow=False, touched_at=context.now
    )
    steps = [Step("identify", case.state, case.state, None)]
    if case.state == states.ANNOUNCED:
        after = choose_destination(after, context)
        if after.state == states.TRIAGED:
            steps.append(Step("match", states.ANNOUNCED, states.TRIAGED, None, after.rule))
            after = entered(case, after, context)
    return Change(case, deadlines.settle(after, context), steps)


def _merge(tx: Connection, case: Case, case_of_member: Case, context: DecisionContext) -> None:
    """What the walk-in's host stated becomes part of the member's case."""
    tx.exec_driver_sql(
        "UPDATE statement SET case_id = %s WHERE case_id = %s::uuid",
        (UUID(case_of_member.id), case.id),
    )
    merged = case.replace(
        state=states.MERGED, merged_into=case_of_member.id, touched_at=context.now
    )
    after = entered(case, merged, context)
    step = Step("identify", case.state, states.MERGED, None)
    tables.write(tx, [Change(case, deadlines.settle(after, context), [step])], context)
    tables.write(tx, [restated(tx, case_of_member, context, "join")], context)
