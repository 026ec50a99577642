"""The offices of the city: what they post, decide on the desk, and do about their cases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from random import Random

from sqlalchemy import Connection

from schemas.departures import SOURCE_PREFIX
from services.cases.commands.apply import Acting, BatchOrder, GivenCommand, apply, apply_all
from services.cases.deadlines.calendar import day_of
from services.cases.model.case import Case
from services.cases.store import tables
from services.intake.faults import Invalid
from services.intake.parse import Posted, parse
from services.intake.store import accept
from services.kit.errors import Refused
from services.matcher import reviews
from services.registry.access import Caller
from services.registry.directory import Directory
from services.tools.city import acts
from services.tools.city.acts import Act
from services.tools.city.inspector import Inspector
from services.tools.city.invariants import Broken
from services.tools.city.people import Event
from services.tools.city.process import SECRET, Machine
from services.tools.city.report import Report
from services.tools.city.town import Town

TOGETHER_MAX = 200
AS_CALLER = (
    0.08  # acts given one by one, under row-level security; the others of a day in few transactions
)
REVIEWS_MAX, DECIDED, KNOWN = 50, 0.5, 0.85


class Offices:
    """Everybody who acts, with a diary of which case comes up on which day. A step is checked by
    the inspector.
    """

    def __init__(
        self,
        machine: Machine,
        inspector: Inspector,
        report: Report,
        town: Town,
        random: Random,
        at_a_venture: float,
    ) -> None:
        self._machine, self._inspector, self._report = machine, inspector, report
        self._town, self._random, self._at_a_venture = town, random, at_a_venture
        self.codes = [o["code"] for o in town.organisations if not o["outside"]]
        self.tempers = {code: acts.temper(random) for code in self.codes}
        self._diary: dict[date, set[str]] = {}
        self._planned: dict[str, tuple[int, date | None]] = {}

    def step(self, work: Callable[[], object]) -> None:
        """Does something, looks whether all is well, and notes in the diary what moved."""
        self._machine.do(work)
        for case in self._inspector.look():
            self._plan(case)

    def post(self, events: Iterable[Event]) -> None:
        """Posts events as intake takes them."""
        now, posted = self._machine.clock.now(), []
        for event in events:
            try:
                posted.append(parse(event, SECRET, now))
            except Invalid:
                self._report.counts["events rejected"] += 1
        if posted:
            self.step(lambda: self._accept(posted))

    def _accept(self, posted: Sequence[Posted]) -> None:
        outcomes: list[tuple[Posted, object]] = []
        clock = self._machine.clock
        with self._machine.app.worker.begin() as tx:
            directory = Directory.of(tx)
            for source in dict.fromkeys(event.source for event in posted):
                code = source.removeprefix(SOURCE_PREFIX)
                theirs = [event for event in posted if event.source == source]
                caller = Caller(code, directory.path(code), "sender")
                outcomes += zip(theirs, accept(tx, caller, theirs, clock.now()), strict=True)
            clock.now()  # the last moment at which the process may die with nothing committed
        for event, outcome in outcomes:
            if outcome == "accepted":
                self._inspector.accepted(str(event.id))
            self._report.counts[
                f"events {outcome.code if isinstance(outcome, Invalid) else outcome}"
            ] += 1

    def desk(self) -> None:
        """People decide what the matcher was not sure of."""
        with self._machine.app.worker.connect() as tx:
            waiting = tx.exec_driver_sql(
                """SELECT i.event_id, i.position, i.candidates, e.organisation FROM identification i
                   JOIN posted_event e ON e.id = i.event_id WHERE i.decision = 'review'
                   ORDER BY i.decided_at, i.event_id, i.position LIMIT %s""",
                (REVIEWS_MAX,),
            ).all()
        decided = []
        for event, position, candidates, organisation in waiting:
            if self._random.random() < DECIDED:
                known = candidates and self._random.random() < KNOWN
                body = (
                    {"member": candidates[0]["member"]}
                    if known
                    else {"not_a_member": True, "reason": "查无此人"}
                )
                decided.append((event, position, body, organisation))
        if decided:
            self.step(lambda: _each(decided, self._review))

    def _review(self, decision: tuple) -> None:
        event, position, body, organisation = decision
        try:
            with self._machine.app.acts.begin() as tx:
                reviews.decide(tx, self._machine.app, event, position, body, organisation)
        except Refused as refused:
            if refused.code != "review-decided":
                raise
        self._report.counts["reviews decided"] += 1

    def act(self, day: date) -> None:
        """What each office has a mind to do, among what the system allows it; and what some may
        not, and try.
        """
        due = sorted(
            {
                case
                for late in [d for d in self._diary if d <= day]
                for case in self._diary.pop(late)
            }
        )
        alone, together = [], []
        for act in self._chosen(due):
            (alone if self._random.random() < AS_CALLER else together).append(act)
        for start in range(0, len(together), TOGETHER_MAX):
            self.step(lambda part=together[start : start + TOGETHER_MAX]: self._obey(part))
        alone += self._ventures()
        if alone:
            self.step(lambda: _each(alone, self._give))

    def _chosen(self, ids: Sequence[str]) -> list[Act]:
        chosen = []
        with self._machine.app.worker.connect() as tx:
            context = self._machine.rule_source.context(tx, self._machine.clock.now())
            for _, case in sorted(tables.load(tx, ids).items()):
                act = acts.choose(case, context, self._town, self._random)
                if act is not None:
                    chosen.append(act)
                self._plan(case, again=True)
        return chosen

    def _ventures(self) -> list[Act]:
        known = sorted(self._planned)
        tries = sorted(
            {
                self._random.choice(known)
                for _ in known
                if self._random.random() < self._at_a_venture
            }
        )
        with self._machine.app.worker.connect() as tx:
            context = self._machine.rule_source.context(tx, self._machine.clock.now())
            cases = tables.load(tx, tries)
        self._report.counts["acts at a venture"] += len(tries)
        return [
            acts.anything(cases[i], context, self._town, self.codes, known, self._random)
            for i in tries
        ]

    def _obey(self, chosen: Sequence[Act]) -> None:
        with self._machine.app.worker.begin() as tx:
            cases = tables.load(tx, [a.case for a in chosen])
            orders = [BatchOrder(cases[a.case], a.command, a.actor, a.args) for a in chosen]
            answers = apply_all(
                tx, orders, self._machine.clock.now(), None, self._machine.rule_source
            )
            # the last moment at which the process may die with nothing committed
            self._machine.clock.now()
        for answer in answers:
            self._count(answer)

    def _give(self, act: Act) -> None:
        """One act as its caller, under row-level security; what is refused must change nothing."""
        clock, rule_source = self._machine.clock, self._machine.rule_source
        with self._machine.app.worker.connect() as tx:
            organisation, before = Directory.of(tx)[act.actor], _shape(tx, act.case)
        try:
            with self._machine.app.acts.begin() as tx:
                caller = Caller(act.actor, organisation.path, "department")
                acting = Acting(caller, clock.now(), rule_source)
                answer = apply(tx, acting, GivenCommand(act.case, act.command, act.args))
                clock.now()
        except Refused as refused:
            answer = refused
            with self._machine.app.worker.connect() as tx:
                if _shape(tx, act.case) != before:
                    self._report.broken.append(
                        Broken("what is refused changes nothing", act.case, act.command)
                    )
        self._count(answer)

    def _count(self, answer: object) -> None:
        self._report.counts[
            f"refused {answer.code}" if isinstance(answer, Refused) else "acts"
        ] += 1

    def _plan(self, case: Case, again: bool = False) -> None:
        """Notes the day on which somebody acts on the case; a case that has not moved keeps its
        day.
        """
        seq, day = self._planned.get(case.id, (0, None))
        if seq == case.seq and not again:
            return
        if day in self._diary:
            self._diary[day].discard(case.id)
        today = day_of(self._machine.clock.now())
        day = acts.next_day(case, self.tempers, today, self._random)
        if again and day is not None:
            day = max(day, today + timedelta(days=1))
        self._planned[case.id] = (case.seq, day)
        if day is not None:
            self._diary.setdefault(day, set()).add(case.id)


def _each(work: list, do: Callable) -> None:
    """Does one after the other, each its own transaction; begun again, it goes on where its process
    died.
    """
    while work:
        do(work[0])
        work.pop(0)


def _shape(tx: Connection, case: str) -> tuple:
    """What an act could change: the log's end, the case's version, its tasks."""
    return tuple(
        tx.exec_driver_sql(
            """SELECT (SELECT id FROM event_log ORDER BY xid DESC, id DESC LIMIT 1),
                (SELECT seq || state FROM transfer_case WHERE id = %s::uuid),
                (SELECT count(*) FROM task WHERE case_id = %s::uuid AND closed_at IS NULL)""",
            (case, case),
        ).one()
    )
