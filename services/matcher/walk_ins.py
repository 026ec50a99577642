"""A walk-in whom no register knew is joined to a member once one is found (interface.md §7.1).

Two things find one: the register, in which the member is new or more is known of them; and a later
event that names a member of ours together with what the walk-in said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Connection, Engine

from services.cases.commands import apply as commands
from services.cases.commands.decide import entered
from services.cases.commands.destination import choose_destination
from services.cases.deadlines import tasks as deadlines
from services.cases.model import states as s
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
from services.matcher import announcements as said
from services.matcher.announcements import Announcement
from services.matcher.model_store import in_force
from services.matcher.people import Decision, People

log = structlog.get_logger()
AT_ONCE = 500
WAITING = Part("walk_ins", "waiting")
_STATES = s.in_sql(sorted(s.BEFORE_ACCEPTED))
_OPEN = f"""
SELECT i.event_id, i.position, c.id::text AS case_id FROM transfer_case c
JOIN identification i ON i.case_id = c.id AND i.decision = 'outside'
WHERE c.inflow AND c.member IS NULL AND c.state IN {_STATES} AND {WAITING.not_aside("c.id::text")}
ORDER BY c.opened_at, c.id LIMIT :limit OFFSET :offset"""


def look_again(engine: Engine, people: People, clock: Clock, rule_source: RuleSource) -> int:
    """Asks the register once more about every walk-in that still waits; returns how many it knows
    now.
    """
    joined = offset = 0
    while True:
        with engine.begin() as tx:
            waiting = _waiting(tx, offset)
            context = rule_source.context(tx, clock.now())
            done = WAITING.each_by_itself(
                tx,
                waiting,
                lambda some, context=context: _ask(tx, some, people, context),
                context.now,
                key=lambda pair: pair[1],
                organisation=lambda pair: pair[0].organisation,
            )
        now = sum(done.results)
        joined, offset = joined + now, offset + len(waiting) - now - done.aside
        if len(waiting) < AT_ONCE:
            return joined


def _ask(
    tx: Connection,
    waiting: Sequence[tuple[Announcement, str]],
    people: People,
    context: DecisionContext,
) -> int:
    """Asks the register about some walk-ins, and joins those whom it knows; returns how many."""
    found = people.find(tx, [walk_in for walk_in, _ in waiting], context)
    known = [(case, found[walk_in.event, walk_in.position]) for walk_in, case in waiting]
    return join(
        tx, [(case, person) for case, person in known if person.decision == "match"], context
    )


def met(
    tx: Connection,
    told: Sequence[Announcement],
    found: Mapping[Any, Decision],
    context: DecisionContext,
) -> int:
    """Joins the walk-ins who are members that these events name; returns how many."""
    named = [
        (one, who) for one in told if (who := found[one.event, one.position]).decision == "match"
    ]
    waiting = _waiting(tx) if named else []
    if not waiting:
        return 0
    by_key: dict[str, list[tuple[Announcement, Decision]]] = {}
    for one, who in named:
        for key in person_keys(one.person):
            by_key.setdefault(key, []).append((one, who))
    records = {r.member: r for r in _records(tx, [who.member for _, who in named if who.member])}
    model, pairs = in_force(tx), []
    for walk_in, case in waiting:
        near = {
            who.member: (one, who)
            for key in person_keys(walk_in.person)
            for one, who in by_key.get(key, ())
        }
        who = _same(
            walk_in, [pair for pair in near.values() if pair[1].member in records], records, model
        )
        if who:
            pairs.append((case, who))
    return join(tx, pairs, context)


def _same(
    walk_in: Announcement,
    near: Sequence[tuple[Announcement, Decision]],
    records: Mapping[str, MemberRecord],
    model: Model,
) -> Decision | None:
    """The one of the persons named whom the walk-in certainly is: the member as registered and as
    the event says.
    """
    if not near:
        return None
    answer = model.judge(
        walk_in.person, [_told(records[who.member or ""], one) for one, who in near], {}
    )
    if answer.decision != "match":
        return None
    return next(who for _, who in near if who.member == answer.candidates[0].member)


def _told(record: MemberRecord, one: Announcement) -> MemberRecord:
    """The member with what the event adds where the register is silent."""
    person = one.person
    return replace(
        record,
        **{
            name: getattr(record, name) or getattr(person, name)
            for name in ("id_number", "birth_date", "phone", "sex", "address")
        },
    )


def _waiting(tx: Connection, offset: int = 0) -> list[tuple[Announcement, str]]:
    """The walk-ins of open cases as they were posted, with their case."""
    found = {
        (r.event_id, r.position): r.case_id
        for r in rows(tx, _OPEN, {"limit": AT_ONCE, "offset": offset})
    }
    told = said.read(tx, sorted({event for event, _ in found}, key=str)) if found else []
    return [
        (one, found[one.event, one.position]) for one in told if (one.event, one.position) in found
    ]


def _records(tx: Connection, members: Iterable[str]) -> list[MemberRecord]:
    return [
        MemberRecord(*row)
        for row in tx.exec_driver_sql(
            "SELECT member, name, sex, birth_date::text, id_number, phone, address, organisation "
            "FROM member "
            "WHERE member = ANY (%s)",
            (sorted(set(members)),),
        )
    ]


def join(tx: Connection, pairs: Sequence[tuple[str, Decision]], context: DecisionContext) -> int:
    """Makes walk-ins' cases the cases of their members, or part of the case that a member has
    already.
    """
    done = 0
    for case_id, who in sorted(pairs, key=lambda pair: (pair[1].member or "", pair[0])):
        case = tables.load(tx, [case_id]).get(case_id)
        if case is None or case.member or case.state not in s.BEFORE_ACCEPTED or not who.member:
            continue
        rows(tx, "SELECT member FROM member WHERE member = :m FOR UPDATE", {"m": who.member})
        other = tables.open_of_members(tx, [who.member]).get(who.member)
        if other is None:
            tables.write(tx, [_become(case, who, context)], context)
        elif case.state in (s.ANNOUNCED, s.TRIAGED):
            _merge(tx, case, other, context)
        else:
            continue  # both are under way: people merge them
        kept = other.id if other else case.id
        tx.exec_driver_sql(
            "UPDATE identification SET decision = 'match', member = %s, case_id = %s::uuid "
            "WHERE case_id = %s::uuid AND decision = 'outside'",
            (who.member, kept, case.id),
        )
        log.info("walk_in_joined", case=case.id, into=kept)
        done += 1
    return done


def _become(case: Case, who: Decision, context: DecisionContext) -> Change:
    """The case with its member; where it was only announced, the row is chosen as for any other."""
    after = case.replace(
        member=who.member, origin=who.organisation, inflow=False, touched_at=context.now
    )
    steps = [Step("identify", case.state, case.state, None)]
    if case.state == s.ANNOUNCED:
        after = choose_destination(after, context)
        if after.state == s.TRIAGED:
            steps.append(Step("match", s.ANNOUNCED, s.TRIAGED, None, after.rule))
            after = entered(case, after, context)
    return Change(case, deadlines.settle(after, context), steps)


def _merge(tx: Connection, case: Case, other: Case, context: DecisionContext) -> None:
    """What the walk-in's host said becomes part of the member's case."""
    ident = UUID(other.id)
    tx.exec_driver_sql(
        "UPDATE statement SET case_id = %s WHERE case_id = %s::uuid", (ident, case.id)
    )
    after = entered(
        case, case.replace(state=s.MERGED, merged_into=other.id, touched_at=context.now), context
    )
    tables.write(
        tx,
        [
            Change(
                case,
                deadlines.settle(after, context),
                [Step("identify", case.state, s.MERGED, None)],
            )
        ],
        context,
    )
    tables.write(tx, [commands.restated(tx, other, context, "join")], context)
