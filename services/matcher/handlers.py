"""What the matcher does with posted events: who is it, where do they belong, and the cases that
follow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID, uuid5

from sqlalchemy import Connection

from schemas.departures import posted_id
from schemas.envelope import Message
from services.addresses.answer import Resolution
from services.cases import commands, deadlines, reports, signs, tables
from services.cases.backlog import registered
from services.cases.calendar import day_of
from services.cases.model import Case, DecisionContext, Statement, Step, Task
from services.cases.reports import Report
from services.cases.rule_source import RuleSource
from services.cases.signs import Sign
from services.cases.states import BEFORE_ACCEPTED, BULK_CLOSED, BULK_OPEN, TERMINAL
from services.cases.tables import Change
from services.kit.clock import Clock
from services.kit.db.engine import rows, sent_ahead
from services.matcher import announcements as said
from services.matcher import candidates, review_tasks, standing, walk_ins, withdrawn
from services.matcher.announcements import Announcement
from services.matcher.live_gazetteer import Addresses
from services.matcher.people import ERASED, Found, People
from services.matcher.sender_hints import noted
from services.matcher.standing import Effect
from services.registry import change_log
from services.registry.announcement_rights import in_line

CASES_AT_ONCE = (
    40  # about 100 kB: what fits into a socket, so that sending does not wait for the server
)
T = TypeVar("T")


@dataclass
class Matcher:
    """The handler of topic ``departures``. One batch, one transaction, a fixed number of
    statements.
    """

    clock: Clock
    rule_source: RuleSource
    addresses: Addresses
    people: People = field(default_factory=People)

    def __call__(self, tx: Connection, messages: Sequence[Message]) -> None:
        """Takes effect of posted events; their bodies carry the event's id only."""
        told = said.read(tx, [UUID(str(m.body["event"])) for m in messages])
        self.take(tx, told)

    def take(
        self, tx: Connection, told: Sequence[Announcement], found: Mapping[Any, Found] | None = None
    ) -> None:
        """The effect of announcements, in the order of their time. ``found`` is who they are where
        a person said so.
        """
        context = self.rule_source.context(tx, self.clock.now())
        self.addresses.refresh(tx)
        persons = [a for a in told if a.kind not in (said.WITHDRAWN, said.ORGANISATION)]
        decided = dict(found or {})
        found = decided | self.people.find(
            tx, [a for a in persons if (a.event, a.position) not in decided], context
        )
        found |= withdrawn.before_it_came(persons, found)
        doubtful = candidates.doubts(tx, persons, found, context)
        rejected = candidates.too_many(tx, persons, doubtful, context)
        found |= rejected
        doubtful = {slot: doubt for slot, doubt in doubtful.items() if slot not in rejected}
        effect = standing.effect_of(tx, persons, found, context)
        found |= standing.silenced(persons, found, context)
        reported = [a for a in persons if effect[a.event, a.position] is Effect.REPORT]
        counted = [a for a in persons if effect[a.event, a.position] is not Effect.REPORT]
        opening = [a for a in counted if a.opens]
        batch = _Batch(tx, context, self.addresses)
        batch.correct([a for a in persons if not a.opens], found)
        batch.signs([a for a in counted if not a.opens], found)
        batch.open_groups([a for a in opening if a.group])
        batch.correct([a for a in persons if a.opens], found)
        batch.cases(opening, found)
        batch.report(reported, found)
        self.people.keep(
            tx,
            persons,
            found,
            batch.case_of,
            context,
            noted(tx, counted, found, batch.joined, reported),
        )
        candidates.keep(tx, doubtful)
        batch.close_empty_groups(
            [
                a
                for a in persons
                if a.opens
                and a.group
                and (
                    found[a.event, a.position].decision in ERASED
                    or effect[a.event, a.position] is Effect.REPORT
                )
            ]
        )
        for one in told:
            if one.kind == said.WITHDRAWN:
                batch.withdraw(one)
            elif one.kind == said.ORGANISATION:
                batch.change_organisation(one)
        walk_ins.met(tx, standing.of_the_line(opening, found, context), found, context)
        review_tasks.settle(
            tx, batch.desks.union(*(doubt.desks for doubt in doubtful.values())), context
        )


class _Batch:
    """The cases of one batch: read together, folded per member, written together."""

    def __init__(self, tx: Connection, context: DecisionContext, addresses: Addresses) -> None:
        self.tx, self.context, self.addresses = tx, context, addresses
        self.case_of: dict[tuple[UUID, int], str] = {}
        self.joined: set[tuple[UUID, int]] = set()
        self.desks: set[str] = set()
        self.over: set[str] = set()  # groups of which every case has ended
        self._answers: dict[str, dict[str, Any]] = {}

    def cases(self, told: Sequence[Announcement], found: Mapping[Any, Found]) -> None:
        """Opens or joins the case of every announcement whose person is known (or a walk-in from
        outside).
        """
        groups: dict[str, list[Announcement]] = {}
        for one in told:
            who = found[one.event, one.position]
            if who.decision == "match":
                groups.setdefault(f"m:{who.member}", []).append(one)
            elif who.decision == "outside":
                groups.setdefault(f"o:{one.case_id}", []).append(one)
        homes = {who.member: who.organisation for who in found.values() if who.member}
        members = sorted(k[2:] for k in groups if k.startswith("m:"))
        lock_members(self.tx, members)
        standing = tables.open_of_members(self.tx, members)
        ids = [c.id for c in standing.values()]
        joined, tasks = tables.statements(self.tx, ids), tables.standing_tasks(self.tx, ids)
        with sent_ahead(self.tx):
            for part in batched(groups.items(), CASES_AT_ONCE):
                self._write(part, standing, homes, joined, tasks)

    def _write(
        self,
        groups: Iterable[tuple[str, list[Announcement]]],
        standing: Mapping[str, Case],
        homes: Mapping[str, str | None],
        joined: Mapping[str, list[Statement]],
        tasks: Mapping[str, dict[str, Task]],
    ) -> None:
        """Folds and writes some of the cases. The database writes them while we fold the next."""
        changes: list[Change] = []
        lines: list[tuple[UUID, str, Statement, int | None]] = []
        shown: list[dict[str, Any]] = []
        for key, ones in groups:
            member = key[2:] if key.startswith("m:") else None
            case = standing.get(member or "")
            change, statements = self._one(case, member, homes.get(member or ""), ones, joined)
            if change is None:
                continue
            changes.append(change)
            for one, statement in statements:
                self.case_of[one.event, one.position] = change.after.id
                if case is not None:
                    self.joined.add((one.event, one.position))
                lines.append(
                    (
                        uuid5(one.event, f"statement:{one.position}"),
                        change.after.id,
                        statement,
                        one.position,
                    )
                )
            shown += self._shown(change.after.id, ones, homes.get(member or ""))
        tables.write(self.tx, changes, self.context, standing=tasks)
        tables.state_facts(self.tx, lines)
        tables.show_person(self.tx, shown)

    def _one(
        self,
        case: Case | None,
        member: str | None,
        home: str | None,
        ones: Sequence[Announcement],
        joined: Mapping[str, list[Statement]],
    ) -> tuple[Change | None, list[tuple[Announcement, Statement]]]:
        stated = []
        for one in ones:
            of_line = in_line(one.organisation, home, self.context.directory, self.context.today)
            stated.append((one, one.statement(self._area(one), of_line=of_line)))
        if case is None:
            if not any(not one.superseded for one in ones):
                return None, []
            first = next(one for one in ones if not one.superseded)
            grouped = next(
                (one for one in ones if one.group and one.parent_id not in self.over), None
            )
            more: dict[str, Any] = (
                {"parent": grouped.parent_id, "position": grouped.position} if grouped else {}
            )
            if member is None:
                more |= {"inflow": True, "host": first.organisation}
            return commands.open_case(
                first.case_id, member, home, [s for _, s in stated], self.context, **more
            ), stated
        known = joined.get(case.id, [])
        change = commands.change_from_statements(
            case,
            [*known, *(s for _, s in stated)],
            self.context,
            "join",
            None,
            ones[-1].organisation,
        )
        return change, stated

    def _area(self, one: Announcement) -> str | None:
        address = (one.slot.get("to") or {}).get("address")
        return self._resolved(address).get("area") if address else None

    def _resolved(self, address: str) -> dict[str, Any]:
        known = self._answers.get(address)
        if known is None:
            known = self._answers[address] = self._look_up(address)
        return known

    def _look_up(self, address: str) -> dict[str, Any]:
        answer = self.addresses.resolve(address)
        return answered(answer, self.addresses, self.context.now)

    def _shown(
        self, case_id: str, ones: Sequence[Announcement], home: str | None
    ) -> list[dict[str, Any]]:
        """What each announcement says of the person, with who says it."""
        lines = []
        for one in ones:
            if one.superseded:
                continue
            person = one.slot.get("person") or {}
            address = (one.slot.get("to") or {}).get("address")
            of_line = in_line(one.organisation, home, self.context.directory, self.context.today)
            lines.append(
                {
                    "case_id": case_id,
                    "event_id": one.event,
                    "position": one.position,
                    "organisation": one.organisation,
                    "of_line": of_line,
                    "time": one.time,
                    "name": person.get("name"),
                    "sex": person.get("sex"),
                    "birth_date": person.get("birth_date"),
                    "phone": person.get("phone"),
                    "address": address,
                    "evidence": self._resolved(address) if address else None,
                }
            )
        return lines

    def report(self, told: Sequence[Announcement], found: Mapping[Any, Found]) -> None:
        """Keeps what others than the line say: a case opened for it, or a row in the history of the
        case that stands.
        """
        live = [one for one in told if not one.superseded]
        members = sorted({found[one.event, one.position].member or "" for one in live if one.opens})
        lock_members(self.tx, members)
        cases = tables.open_of_members(self.tx, members)
        kept: list[Report] = []
        changes: list[Change] = []
        for member in members:
            ones = [
                one for one in live if one.opens and found[one.event, one.position].member == member
            ]
            home = found[ones[0].event, ones[0].position].organisation or ""
            case = cases.get(member)
            case_id = case.id if case else ones[0].case_id
            made = [self._report(one, member, home, case_id) for one in ones]
            changes.append(
                reports.change_of(case, made, self.context)
                if case
                else reports.opened(case_id, member, home, made, self.context)
            )
            kept += made
        for one in live:
            person = found[one.event, one.position]
            if not one.opens:
                kept.append(self._report(one, person.member or "", person.organisation or "", None))
        tables.write(self.tx, changes, self.context)
        tables.show_person(
            self.tx,
            [self._register_of(change.after) for change in changes if change.before is None],
        )
        reports.keep(self.tx, kept)

    def _report(self, one: Announcement, member: str, home: str, case_id: str | None) -> Report:
        address = (one.slot.get("to") or {}).get("address")
        facts = one.statement(self._area(one)).facts if one.opens else dict(one.data)
        return Report(
            one.event,
            one.position,
            member,
            self.context.directory.path(home),
            case_id,
            one.organisation,
            one.ext_id,
            one.kind,
            one.time,
            facts,
            (one.slot.get("person") or {}).get("phone"),
            address,
            self._resolved(address) if address else None,
            self.context.now,
        )

    def _register_of(self, case: Case) -> dict[str, Any]:
        """The person of a case that reports opened, as the register names them: no phone, no
        address.
        """
        row = self.tx.exec_driver_sql(
            "SELECT member, name, sex, birth_date::text, NULL, NULL FROM member WHERE member = %s",
            (case.member,),
        ).one()
        return registered(case, row)

    def open_groups(self, told: Sequence[Announcement]) -> None:
        """Opens the bulk cases that announcements of several persons belong to."""
        first = {}
        for one in told:
            if not one.superseded:
                first.setdefault(one.parent_id, one)
        known = tables.load(self.tx, list(first))
        self.over = {case.id for case in known.values() if case.state == BULK_CLOSED}
        changes = []
        for ident, one in first.items():
            if ident in known:
                continue
            case = Case(
                id=ident,
                state=BULK_OPEN,
                poster=one.organisation,
                origin=one.organisation,
                category=one.statement(None).facts.get("category"),
                opened_at=self.context.now,
                entered_at=self.context.now,
                touched_at=self.context.now,
                counted_from=self.context.today,
            )
            changes.append(
                Change(
                    None,
                    deadlines.settle(case, self.context),
                    [Step("open_bulk", None, BULK_OPEN, one.organisation, one.data.get("batch"))],
                )
            )
        tables.write(self.tx, changes, self.context)
        for one in told:
            if not one.superseded:
                self.case_of.setdefault((one.event, -1), one.parent_id)

    def close_empty_groups(self, gone: Sequence[Announcement]) -> None:
        """Ends the bulk case of one event of whose persons nobody was a member; one of several
        events waits for them.
        """
        groups = {a.event: a.parent_id for a in gone if not a.data.get("batch")}
        waiting = (
            set(
                self.tx.exec_driver_sql(
                    "SELECT event_id FROM identification WHERE event_id = ANY (%s::uuid[]) "
                    "AND decision = 'review'",
                    (list(groups),),
                ).scalars()
            )
            if groups
            else ()
        )
        commands.close_groups(
            self.tx,
            {group for event, group in groups.items() if event not in waiting},
            self.context,
        )

    def signs(self, told: Sequence[Announcement], found: Mapping[Any, Found]) -> None:
        """Life, dues and contacts: signs of organisational life, and what they stop."""
        kept = [
            sign
            for one in told
            if not one.superseded and (sign := _sign(one, found[one.event, one.position].member))
        ]
        signs.keep(self.tx, kept, self.context)

    def correct(self, told: Sequence[Announcement], found: Mapping[Any, Found]) -> None:
        """Each correction takes the place of the event that it corrects, once for all its
        persons.
        """
        named: dict[UUID, set[str | None]] = {}
        firsts = {one.event: one for one in reversed(told) if one.corrects}
        for one in told:
            if one.corrects and not one.superseded:
                named.setdefault(one.event, set()).add(found[one.event, one.position].member)
        for event, one in reversed(firsts.items()):
            self.supersede(one, named.get(event, set()))

    def supersede(self, one: Announcement, members: Collection[str | None] = ()) -> None:
        """What the earlier event stated no longer counts; its case closes if nothing else opened
        it, and who was in review leaves the desk.

        The cases of ``members``, of whom the correction itself tells, go on: the correction joins
        them.
        """
        said.lock_for_correction(self.tx, one.source, one.corrects or "")
        earlier = posted_id(one.source, one.corrects or "")
        self.desks |= withdrawn.off_the_desk(self.tx, earlier, self.context.now)
        signs.take_back(self.tx, earlier, None, self.context, "join", "withdrawn", one.organisation)
        reports.withdraw(self.tx, earlier, None, self.context, members)
        touched = (
            self.tx.exec_driver_sql(
                """UPDATE statement
                SET withdrawn = true
                WHERE source = %s AND ext_id = %s AND NOT withdrawn
                RETURNING case_id::text""",
                (one.source, one.corrects),
            )
            .scalars()
            .all()
        )
        cases = tables.load(self.tx, sorted(set(touched)))
        changes = [
            commands.withdraw(self.tx, case, self.context, one.organisation)
            for case in cases.values()
            if case.state not in TERMINAL
            and not (case.member and case.member in members and case.state in BEFORE_ACCEPTED)
        ]
        moved = tables.write(self.tx, changes, self.context)
        commands.close_finished_groups(self.tx, moved, self.context)

    def withdraw(self, one: Announcement) -> None:
        """A withdrawal says so of one earlier event of the same source."""
        self.supersede(replace(one, corrects=one.corrects or one.data.get("corrects")))
        change_log.withdraw(self.tx, _said(one), self.context.now)

    def change_organisation(self, one: Announcement) -> None:
        """Keeps the change until its day; what it corrects does not count."""
        if one.corrects:
            said.lock_for_correction(self.tx, one.source, one.corrects)
        change_log.take(self.tx, _said(one), self.context.directory, self.context.now)


def _said(one: Announcement) -> change_log.Said:
    return change_log.Said(
        one.event,
        one.source,
        one.ext_id,
        one.organisation,
        one.path,
        one.time,
        one.data,
        one.corrects or one.data.get("corrects"),
        one.superseded,
    )


def _sign(one: Announcement, member: str | None) -> Sign | None:
    """What an event says of a member's life in the organisation; None where it says nothing."""
    if member is None:
        return None
    sign = Sign(one.event, one.position, member, one.organisation)
    if one.kind == said.LIFE:
        return replace(sign, life=one.data.get("on"), reached=one.data.get("on"))
    if one.kind == said.DUES:
        return replace(sign, dues=one.data.get("paid_to"), sign=day_of(one.time))
    if (
        one.kind == said.CONTACT
    ):  # one that reached nobody stops no clock, and shows that somebody tried
        return replace(
            sign,
            reached=(one.data.get("on") or day_of(one.time).isoformat())
            if one.data.get("reached")
            else None,
        )
    return None


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Runs of at most ``size`` items."""
    left = iter(items)
    while run := list(islice(left, size)):
        yield run


def answered(answer: Resolution, addresses: Addresses, now: datetime) -> dict[str, Any]:
    """An answer as the case keeps it: what decided it, by which table and how many confirmed cases,
    and all candidates.

    ``area`` is what may be acted on without asking; kept as it was, whatever is learned later.
    """
    best = answer.candidates[0] if answer.candidates else None
    return {
        "decision": answer.decision,
        "area": best.code if best and answer.decision == "route" else None,
        "words": [e.to_json() for e in best.evidence] if best else [],
        "candidates": [c.to_json() for c in answer.candidates],
        "table": addresses.current.snapshot.version,
        "learned": addresses.learned,
        "at": now.isoformat(),
    }


def lock_members(tx: Connection, members: Sequence[str]) -> None:
    """Two batches that meet at a member wait for each other, always in the same order."""
    if members:
        rows(
            tx,
            "SELECT member FROM member WHERE member = ANY (:m) ORDER BY member FOR UPDATE",
            {"m": list(members)},
        )
