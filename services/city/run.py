"""``guidui simulate --city``: plays a city day by day, and looks after every step whether the invariants hold.

Everything goes the way it goes in life: events through intake's parser and the one SQL function that accepts them,
consumers through their tailers, commands through the case commands (some as their caller, under row-level security),
clock, delivery and climbing through their loops. Chance comes from one ``random.Random(seed)``; ids follow from events.
"""
from __future__ import annotations

import subprocess
import tempfile
import time as stopwatch
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random

from sqlalchemy import URL

from schemas.departures import SOURCE_PREFIX
from services.cases import calendar, commands, policy, tables
from services.cases import clock as case_clock
from services.cases.backlog import open_letters
from services.cases.calendar import day_of
from services.cases.commands import Order
from services.cases.ground import Ground
from services.cases.model import Case
from services.city import acts, invariants
from services.city.acts import Act
from services.city.digest import digest
from services.city.faults import Killed, Mortal, MortalClock, deliver_again
from services.city.invariants import Broken
from services.city.people import Event, Lives
from services.city.world import COUNTY, contact, town
from services.intake.faults import Invalid
from services.intake.parse import Posted, parse
from services.intake.store import accept
from services.kit.cache import cache_folder
from services.kit.clock import ZONE
from services.kit.errors import Refused
from services.kit.migrations import migrate
from services.kit.postgres import EmbeddedServer
from services.kit.tailer import Tailers
from services.matcher import reviews
from services.matcher.gazetteer import Gazetteer
from services.matcher.learning import Addresses
from services.registry.access import Caller
from services.registry.directory import Directory
from services.registry.load import Hooks, load_rows
from services.wiring import HANDLERS, House, after_load, climb_loop, delivery_loop, follow_tree

START = date(2026, 1, 5)
SECRET = b"city"
TOGETHER_MAX = 200
WHOLE_LOOK_DAYS = 90
# a small city is played every few days, with lives that move more
LARGE = 500
EVERY_DAYS, MOVES_A_YEAR, AT_A_VENTURE = (6, 1), (1.2, 0.36), (0.01, 0.0005)
AS_CALLER = 0.08
DIES, OFF, AGAIN, STEPS_BACK = 0.06, 0.008, 0.03, 0.02
BROKEN_MAX = 20


@dataclass
class Report:
    """What came of a city."""

    seed: int
    members: int
    days: int
    counts: Counter = field(default_factory=Counter)
    broken: list[Broken] = field(default_factory=list)
    digest: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether every invariant held."""
        return not self.broken


def simulate(members: int, years: float, seed: int, say: Callable[[str], None] = lambda _: None) -> Report:
    """Plays a city in a throw-away database of an embedded server of its own."""
    with tempfile.TemporaryDirectory(prefix="guidui-city-") as folder, EmbeddedServer(Path(folder) / "data") as server:
        migrate(server.owner_url())
        return play(server.app_url(), members, round(365 * years), seed, say)


def play(url: str | URL, members: int, days: int, seed: int, say: Callable[[str], None] = lambda _: None,
         gazetteer: Gazetteer | None = None) -> Report:
    """Plays a city on a migrated, empty database."""
    began = stopwatch.monotonic()
    city = City(url, members, days, seed, gazetteer)
    try:
        for number in range(days):
            city.day(START + timedelta(days=number))
            if number % 30 == 29:
                say(f"{city.today}  {stopwatch.monotonic() - began:.0f} s  {sum(city.report.counts.values())}")
            if len(city.report.broken) >= BROKEN_MAX:
                break
        city.finish()
    finally:
        city.house.close()
    city.report.seconds = stopwatch.monotonic() - began
    return city.report


class City:
    """A city on its clock: the house it runs in, its people, and who acts on which case on which day."""

    def __init__(self, url: str | URL, members: int, days: int, seed: int, gazetteer: Gazetteer | None = None) -> None:
        self.random = Random(seed)
        self.report = Report(seed, members, days)
        self.clock = MortalClock(datetime.combine(START - timedelta(days=1), time(12), ZONE))
        self._url, self._ground = url, Ground(policy.default(), calendar.official())
        self._addresses = Addresses(gazetteer or Gazetteer.open(cache_folder()))
        self.town = town(members, self.random, START)
        self.loaded = {m["member"]: m["organisation"] for m in self.town.members}
        self.homes = dict(self.loaded)
        self.lives = Lives(self.town, self.random, self.homes)
        self.lives.draw(START, days, MOVES_A_YEAR[members >= LARGE])
        self._every, self._at_a_venture = EVERY_DAYS[members >= LARGE], AT_A_VENTURE[members >= LARGE]
        self.codes = [o["code"] for o in self.town.organisations if not o["outside"]]
        self.tempers = {code: acts.temper(self.random) for code in self.codes}
        self.agenda: dict[date, set[str]] = {}
        self._planned: dict[str, tuple[int, date | None]] = {}
        self._mark, self._accepted, self._off_until, self._whole_look = 0, 0, START, START
        self._fresh_events: list[str] = []
        self._open()
        self._load()

    @property
    def today(self) -> date:
        """The day it is in the city."""
        return day_of(self.clock.now())

    def day(self, day: date) -> None:
        """One day: midnight's clocks, the morning's post, the acts of the offices, and what goes wrong."""
        if day < self._off_until or day.toordinal() % self._every:
            return
        if self.random.random() < OFF:
            self._off_until = day + timedelta(days=self.random.randrange(1, 9))
        self._turn_to(day, time(0, 5))
        self.step(self.settle)
        self._turn_to(day, time(9))
        events = [event for late in sorted(d for d in self.lives.days if d <= day) for event in self.lives.today(late)]
        self.post(events)
        if self._every > 1 or self._ground.calendar.is_workday(day):
            self._turn_to(day, time(10))
            self.desk()
            self.act(day)
            self._changes(day)
        if self.random.random() < self._every / 7:
            self._turn_to(day, time(20))
            self.step(lambda: (delivery_loop(self.house), climb_loop(self.house)))
        if day >= self._whole_look:
            self._whole_look = day + timedelta(days=WHOLE_LOOK_DAYS)
            self.look_at_everything()

    def finish(self) -> None:
        """The last look, at everything; and the digest of the history."""
        self.clock.kill_at(None)
        self.settle()
        self.look_at_everything()
        with self.house.worker.connect() as tx:
            self.report.digest = digest(tx)
            for name, sql in _COUNTS.items():
                self.report.counts[name] = tx.exec_driver_sql(sql).scalar_one()
            for state, count in tx.exec_driver_sql("SELECT state, count(*) FROM transfer_case GROUP BY 1 ORDER BY 1"):
                self.report.counts[f"cases {state}"] = count

    def settle(self) -> None:
        """Lets everything happen that would happen now."""
        self._drain()
        while case_clock.tick(self.house.worker, self.clock, self.house.ground):
            self._drain()

    def _drain(self) -> None:
        while sum(tailer.step() for tailer in self.tailers.tailers):  # nobody else writes: no row is hidden from them
            pass

    def step(self, work: Callable[[], object]) -> None:
        """Does ``work``, which may be begun again after its process died, and what follows; then looks."""
        if self.random.random() < DIES:
            if self.random.random() < 0.5:
                self.clock.kill_at(self.random.randrange(0, 6))
            else:
                self.random.choice(self._handlers).dies = True
        if self.random.random() < AGAIN:
            deliver_again(self.house.worker, self.random.choice(sorted(HANDLERS)), self.random.randrange(1, 60))
        self._until_done(work)
        if work != self.settle:
            self._until_done(self.settle)
        self.clock.kill_at(None)
        self.look()

    def _until_done(self, work: Callable[[], object]) -> None:
        while True:
            try:
                work()
                return
            except Killed:
                self.report.counts["processes killed"] += 1
                self.house.close()
                self._open()

    def post(self, events: Sequence[Event]) -> None:
        """Posts events as intake would, those of one sender together."""
        now, posted = self.clock.now(), []
        for event in events:
            try:
                posted.append(parse(event, SECRET, now))
            except Invalid:
                self.report.counts["events rejected"] += 1
        if posted:
            self.step(lambda: self._accept(posted, now))

    def _accept(self, posted: Sequence[Posted], now: datetime) -> None:
        outcomes: list[tuple[Posted, object]] = []
        with self.house.worker.begin() as tx:
            directory = Directory.of(tx)
            for source in dict.fromkeys(one.source for one in posted):
                code = source.removeprefix(SOURCE_PREFIX)
                theirs = [one for one in posted if one.source == source]
                caller = Caller(code, directory.path(code), "sender")
                outcomes += zip(theirs, accept(tx, caller, theirs, now), strict=True)
            self.clock.now()  # the last moment at which the process may die with nothing committed
        for one, outcome in outcomes:
            if outcome == "accepted":
                self._accepted += 1
                self._fresh_events.append(str(one.id))
            self.report.counts[f"events {outcome if isinstance(outcome, str) else outcome.code}"] += 1

    def desk(self) -> None:
        """People decide what the matcher was not sure of."""
        with self.house.worker.connect() as tx:
            waiting = tx.exec_driver_sql(
                """SELECT i.event_id, i.position, i.candidates, e.organisation FROM identification i
                   JOIN posted_event e ON e.id = i.event_id WHERE i.decision = 'review'
                   ORDER BY i.decided_at, i.event_id, i.position LIMIT 50""").all()
        decided = []
        for event, position, candidates, organisation in waiting:
            if self.random.random() < 0.5:
                known = candidates and self.random.random() < 0.85
                body = {"member": candidates[0]["member"]} if known else {"not_a_member": True, "reason": "核对无此人"}
                decided.append((event, position, body, organisation))
        if decided:
            self.step(lambda: self._each(decided, lambda one: self._review(*one)))

    def _each(self, work: list, do: Callable) -> None:
        """Does one after the other, each its own transaction; begun again, it goes on where its process died."""
        while work:
            do(work[0])
            work.pop(0)

    def _review(self, event, position: int, body: dict, organisation: str) -> None:
        try:
            with self.house.web.begin() as tx:
                reviews.decide(tx, self.house, event, position, body, organisation)
        except Refused as refused:
            if refused.code != "review-decided":
                raise
        self.report.counts["reviews decided"] += 1

    def act(self, day: date) -> None:
        """The acts of a day: each office does what it has a mind to, among what the system allows it."""
        due = sorted({case for late in [d for d in self.agenda if d <= day] for case in self.agenda.pop(late)})
        chosen = self._chosen(due)
        alone = [a for a in chosen if self.random.random() < AS_CALLER]
        together = [a for a in chosen if a not in alone]
        for start in range(0, len(together), TOGETHER_MAX):
            self.step(lambda some=together[start:start + TOGETHER_MAX]: self._obey(some))
        alone += self._ventures()
        if alone:
            self.step(lambda: self._each(alone, self._give))

    def _chosen(self, ids: Sequence[str]) -> list[Act]:
        chosen: list[Act] = []
        with self.house.worker.connect() as tx:
            world = self._ground.world(tx, self.clock.now())
            for ident, case in sorted(tables.load(tx, ids).items()):
                act = acts.choose(case, world, self.town, self.random)
                if act is not None:
                    chosen.append(act)
                self._plan(case, again=True)
        return chosen

    def _obey(self, chosen: Sequence[Act]) -> None:
        with self.house.worker.begin() as tx:
            cases = tables.load(tx, [a.case for a in chosen])
            orders = [Order(cases[a.case], a.command, a.actor, a.args) for a in chosen]
            answers = commands.obey_all(tx, orders, self.clock.now(), None, self.house.ground)
            self.clock.now()  # the last moment at which the process may die with nothing committed
        for act, answer in zip(chosen, answers, strict=True):
            self._count(act, answer)

    def _give(self, act: Act) -> None:
        """One act as its caller, under row-level security."""
        with self.house.worker.connect() as tx:
            one = Directory.of(tx).get(act.actor)
            before = _shape(tx, act.case)
        try:
            with self.house.web.begin() as tx:
                commands.give_within(tx, Caller(act.actor, one.path, "department"), act.case, act.command, None,
                                     act.args, self.clock.now(), None, self.house.ground)
                self.clock.now()
        except Refused as refused:
            self._count(act, refused)
            with self.house.worker.connect() as tx:
                if _shape(tx, act.case) != before:
                    self.report.broken.append(Broken("what is refused changes nothing", act.case, act.command))
            return
        self._count(act, None)

    def _count(self, act: Act, answer: Case | Refused | None) -> None:
        if isinstance(answer, Refused):
            self.report.counts[f"refused {answer.code}"] += 1
        else:
            self.report.counts["acts"] += 1

    def _ventures(self) -> list[Act]:
        """Some try what they may not."""
        known = sorted(self._planned)
        tries = {self.random.choice(known) for _ in known if self.random.random() < self._at_a_venture}
        with self.house.worker.connect() as tx:
            world = self._ground.world(tx, self.clock.now())
            cases = tables.load(tx, sorted(tries))
        self.report.counts["acts at a venture"] += len(tries)
        return [acts.anything(cases[i], world, self.town, self.codes, self.random) for i in sorted(tries)]

    def look(self) -> None:
        """Checks what the last step touched, and plans who acts next on the cases that moved."""
        with self.house.worker.connect() as tx:
            lines = tx.exec_driver_sql("SELECT id, topic, key, body ->> 'case', body ->> 'member' FROM event_log "
                                       "WHERE id > %s ORDER BY id", (self._mark,)).all()
            cases = {key for _, topic, key, _, _ in lines if topic == "cases"} | {c for *_, c, _ in lines if c}
            members = {m for *_, m in lines if m}
            if self._fresh_events:
                members |= set(tx.exec_driver_sql(
                    "SELECT DISTINCT member FROM identification WHERE event_id = ANY (%s::uuid[]) AND member IS NOT NULL",
                    (self._fresh_events,)).scalars())
            if not cases and not members:
                return
            sight = invariants.sight_of(tx, self.clock.now(), self._ground, cases, members, self.loaded)
            self._found(invariants.look(sight))
            self._follow(tx, sight.members)
        self._mark, self._fresh_events = (lines[-1][0] if lines else self._mark), []
        for case in sight.cases.values():
            self._plan(case)

    def look_at_everything(self) -> None:
        """Checks everything there is."""
        self.report.counts["whole looks"] += 1
        with self.house.worker.connect() as tx:
            sight = invariants.whole_sight(tx, self.clock.now(), self._ground, self.loaded, self._accepted)
            self._found(invariants.look(sight))

    def _found(self, broken: Iterable[Broken]) -> None:
        self.report.counts["looks"] += 1
        known = {(b.check, b.about) for b in self.report.broken}
        self.report.broken += [replace(b, seen=f"{self.today}: {b.seen}") for b in broken
                               if (b.check, b.about) not in known]

    def _follow(self, tx, members: Sequence[str]) -> None:
        for member, organisation, standing in tx.exec_driver_sql(
                "SELECT member, organisation, standing FROM member WHERE member = ANY (%s)", (list(members),)):
            self.homes[member] = organisation
            if standing == "ended":
                self.lives.gone.add(member)

    def _plan(self, case: Case, again: bool = False) -> None:
        """Somebody will act on the case on a day; a case that has not moved keeps its day."""
        seq, day = self._planned.get(case.id, (0, None))
        if seq == case.seq and not again:
            return
        if day in self.agenda:
            self.agenda[day].discard(case.id)
        day = acts.next_day(case, self.tempers, self.today, self.random)
        if again and day is not None:
            day = max(day, self.today + timedelta(days=1))
        self._planned[case.id] = (case.seq, day)
        if day is not None:
            self.agenda.setdefault(day, set()).add(case.id)

    def _changes(self, day: date) -> None:
        """Secretaries change; organisations are renamed, merged, put under another."""
        if self.random.random() < 0.1:
            code = self.random.choice(self.codes)
            self.tempers[code] = acts.temper(self.random)
            self._load_rows("contacts", [contact(code, f"新书记{day:%y%m%d}", day)])
            self.report.counts["secretaries changed"] += 1
        if self.random.random() < 0.01 * self._every:
            self.step(lambda row=self._organisation_changed(day): self._load_rows("organisations", [row]))
            self.report.counts["organisations changed"] += 1

    def _organisation_changed(self, day: date) -> dict:
        """A firm renamed or merged into another, or a community that goes to another street."""
        rows = {o["code"]: o for o in self.town.organisations}
        firm, other = self.random.choice(self.town.firms), self.random.choice(self.town.firms)
        streets = sorted(c for c, o in rows.items() if o["unit"] == "street" and o["parent"] == COUNTY)
        what = self.random.choice(("renamed", "merged", "moved"))
        row = rows[self.random.choice(self.town.places).code if what == "moved" else firm.code]
        if what == "moved":
            row["parent"] = self.random.choice(streets)
        elif what == "merged" and other is not firm and not row.get("effective_to") and not rows[other.code].get("effective_to"):
            row |= {"effective_to": day.isoformat(), "successor": other.code}
        else:
            row["name"] += "（更名）"
        return dict(row)

    def _load_rows(self, kind: str, rows: list[dict]) -> None:
        hooks = Hooks(lambda tx, lines: open_letters(tx, lines, self.clock.now(), self._ground), [follow_tree])
        result = load_rows(self.house.worker, kind, rows, self.clock, hooks)
        after_load(self.house, kind)
        if result.bad:
            raise ValueError(f"the city's {kind} cannot be loaded: {result.faults[:3]}")

    def _load(self) -> None:
        for kind in ("organisations", "members", "contacts", "letters"):
            self._load_rows(kind, getattr(self.town, kind))
        self.step(self.settle)

    def _open(self) -> None:
        """A process starts: new engines, new consumers; what it knew is in the database."""
        self.house = House.at(self._url, SECRET, cache_folder(), self.clock, self._ground)
        self.house._gazetteer, self.house._addresses = self._addresses.current, self._addresses
        subscriptions = [make(self.house) for make in HANDLERS.values()]
        self._handlers = [Mortal(one.handler) for one in subscriptions]
        self.tailers = Tailers(self.house.worker, [replace(one, handler=handler) for one, handler in zip(
            subscriptions, self._handlers, strict=True)], self.clock)

    def _turn_to(self, day: date, at: time) -> None:
        moment = datetime.combine(day, at, ZONE)
        if self.random.random() < STEPS_BACK:  # a clock that is set: first back, then right
            self.clock.advance_to(self.clock.now() - timedelta(minutes=50), back=True)
            self._until_done(self.settle)
            self.report.counts["clock stepped back"] += 1
        self.clock.advance_to(moment)


def _shape(tx, case: str) -> tuple:
    """What an act could change: the log's end, the case's version, its tasks."""
    return tuple(tx.exec_driver_sql(
        """SELECT (SELECT max(id) FROM event_log), (SELECT seq || state FROM transfer_case WHERE id = %s::uuid),
           (SELECT count(*) FROM task WHERE case_id = %s::uuid AND closed_at IS NULL)""", (case, case)).one())


_COUNTS = {"cases": "SELECT count(*) FROM transfer_case", "history rows": "SELECT count(*) FROM case_event",
           "tasks": "SELECT count(*) FROM task", "notices": "SELECT count(*) FROM notice",
           "messages": "SELECT count(*) FROM event_log", "events": "SELECT count(*) FROM posted_event"}


def commit() -> str:
    """The commit that is played, where the program lies in its repository; else its version."""
    try:
        found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=Path(__file__).parent, capture_output=True,
                               text=True, check=True)
        return found.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        from importlib.metadata import version
        return version("guidui")
