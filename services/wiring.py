"""Composition root: settings become engines, clock, handlers and loops. THE table of who handles what is here."""
from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import structlog
from fastapi import APIRouter
from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL

from services.cases import clock as case_clock
from services.cases.commands import rewrite_paths
from services.cases.queries import progress_of_cases
from services.cases.recount import recount
from services.cases.repoint import repoint
from services.cases.ground import Ground, stored_calendar, usual
from services.kit.clock import Clock, SystemClock
from services.kit.consumer import Subscription
from services.kit.db import connect
from services.kit.log import where
from services.matcher.gazetteer import Gazetteer
from services.matcher.erasure import erase_decided
from services.matcher.handlers import Matcher
from services.matcher import editions, empty_batches, prompts
from services.matcher.evidence import Learning, Teacher
from services.matcher.evidence_desk import EvidenceDesk
from services.matcher.learning import Addresses
from services.matcher import walk_ins
from services.registry import change_log, ends, rekey
from services.matcher.people import People
from services.notifier.channels.at_hand import channels_at_hand
from services.notifier.channels.portal_inbox import PortalInbox
from services.notifier.delivery import deliver_due
from services.notifier.escalation import climb_overdue
from services.notifier.handlers import notifier
from services.records import comparisons, double_reports, reconciliation, snapshots
from services.records.letters.fonts import fonts_of
from services.records.letters.glyphs import told_at_start
from services.notifier.tables import mark_seen

log = structlog.get_logger()


@dataclass
class House:
    """One process's furniture: engines, clock, ground, gazetteer.

    ``web`` reads for whoever looks and may do nothing else where the login of pages is set. ``acts`` begins as pages
    do and becomes the worker within its transaction, for what people do. ``worker`` is for handlers and loops.
    """

    web: Engine
    worker: Engine
    secret: bytes
    cache: Path
    clock: Clock = field(default_factory=SystemClock)
    ground: Ground = field(default_factory=usual)
    settings: object | None = None
    _gazetteer: Gazetteer | None = None
    _addresses: Addresses | None = None
    acts: Engine | None = None

    def __post_init__(self) -> None:
        self.acts = self.acts or self.web

    @classmethod
    def at(cls, url: str | URL, secret: bytes, cache: Path, clock: Clock | None = None, ground: Ground | None = None,
           settings: object | None = None, connections_max: int = 10, web_url: str | URL | None = None) -> House:
        """A house on the database of an application login; ``web_url`` is the login of pages, where there is one."""
        worker = connect(url, "guidui_worker", connections_max=connections_max)
        acts = connect(url, "guidui_web", connections_max=connections_max, ping=True)
        web = acts
        if web_url is not None:
            web = connect(web_url, "guidui_web", connections_max=connections_max, ping=True, lender=worker)
        return cls(web, worker, secret, cache, clock or SystemClock(), ground or usual(), settings, acts=acts)

    @property
    def addresses(self) -> Addresses:
        """The address engine with what was confirmed; its compiled table is opened on first use."""
        if self._gazetteer is None:
            self._gazetteer = Gazetteer.open(self.cache)
        if self._addresses is None:
            self._addresses = Addresses(self._gazetteer, self.cache, self.worker)
        return self._addresses

    @property
    def gazetteer(self) -> Gazetteer:
        """The address engine in force now."""
        return self.addresses.current

    @property
    def channels(self) -> dict:
        """How notices can leave this house."""
        return channels_at_hand(self.settings) if self.settings else {"portal": PortalInbox()}

    def rests(self, day: date) -> bool:
        """Whether nobody should be disturbed on a day."""
        with self.worker.connect() as tx:
            return not (self.ground.calendar or stored_calendar(tx)).is_workday(day)

    def close(self) -> None:
        """Gives all connections back."""
        for engine in (self.web, self.acts, self.worker):
            engine.dispose()


def matcher(house: House) -> Subscription:
    """departures -> identity, destination, cases; cases -> what people confirmed of addresses."""
    act = Matcher(house.clock, house.ground, house.addresses)
    return Subscription("matcher", ("departures", "cases"),
                        Learning(Teacher(house.clock, house.addresses), act))


def notices(house: House) -> Subscription:
    """cases, tasks -> notices."""
    return Subscription("notifier", ("cases", "tasks"), notifier(house.clock, set(house.channels)))


HANDLERS: dict[str, Callable[[House], Subscription]] = {"matcher": matcher, "notifier": notices}


def clock_loop(house: House) -> int:
    """Letters that run out, tasks that open."""
    return case_clock.tick(house.worker, house.clock, house.ground)


def delivery_loop(house: House) -> int:
    """Hands over what is due; climbs one level where an act is overdue."""
    url = getattr(house.settings, "url", "http://127.0.0.1:8000")
    return deliver_due(house.worker, house.clock, house.channels, rests=house.rests, url=url)


def records_loop(house: House) -> int:
    """Erases what was uploaded of persons a day ago, opens the checks of rolls (t17), writes month-end snapshots, sends the
    cards of 双报到 for the quarter that is over."""
    now = house.clock.now()
    return (comparisons.erase(house.worker, now) + reconciliation.open_checks(house.worker, now)
            + snapshots.take_due(house.worker, now, house.ground) + double_reports.send_cards(house.worker, now))


def walk_ins_loop(house: House) -> int:
    """Asks the register again about walk-ins whom it did not know."""
    return walk_ins.look_again(house.worker, People(), house.clock, house.ground)


def tree_loop(house: House) -> int:
    """Carries out the changes of organisations whose day has come; open cases and tasks follow, also where a file had
    named the last day."""
    def then() -> int:
        return follow(house)
    return (change_log.apply_due(house.worker, house.clock, [follow_tree], then)
            + ends.follow(house.worker, house.clock, then))


def keys_loop(house: House) -> int:
    """Computes the members' blocking keys anew where a release came with other rules."""
    return rekey.follow(house.worker)


def climb_loop(house: House) -> int:
    """Tells the level above of acts that are overdue."""
    return climb_overdue(house.worker, house.clock, house.channels)


def erase_loop(house: House) -> int:
    """Erases what is left of persons who are no members, and ends batches that brought nobody."""
    return erase_decided(house.worker, house.clock) + empty_batches.close(house.worker, house.clock, house.ground)


# loop -> (what it does, seconds between two rounds, the roles that run it)
LOOPS: dict[str, tuple[Callable[[House], int], float, tuple[str, ...]]] = {
    "clock": (clock_loop, 2.0, ("matcher",)),
    "erase": (erase_loop, 600.0, ("matcher",)),
    "delivery": (delivery_loop, 1.0, ("notifier",)),
    "records": (records_loop, 300.0, ("matcher",)),
    "tree": (tree_loop, 2.0, ("matcher",)),
    "walk_ins": (walk_ins_loop, 300.0, ("matcher",)),
    "keys": (keys_loop, 600.0, ("matcher",)),
    "climb": (climb_loop, 60.0, ("notifier",)),
}


class Loops:
    """Runs the loops of some roles, each on a thread of its own; a fault is logged and the loop goes on."""

    def __init__(self, house: House, roles: tuple[str, ...]) -> None:
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(name, act, house, pause), daemon=True, name=name)
                         for name, (act, pause, who) in LOOPS.items() if set(who) & set(roles)]

    def start(self) -> None:
        """Starts every thread."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends every thread after its round."""
        self._stop.set()
        for thread in self._threads:
            thread.join(10)

    def _run(self, name: str, act: Callable[[House], int], house: House, pause: float) -> None:
        while not self._stop.is_set():
            try:
                act(house)
            except Exception as error:
                log.error("loop_failed", loop=name, **where(error))
            self._stop.wait(pause)


def follow(house: House) -> int:
    """Open cases, tasks and desks follow the tree as it is now; returns how many cases and members' tasks did."""
    followed = repoint(house.worker, house.clock, house.ground)
    prompts.recount(house.worker, house.clock, house.ground)
    return followed


def follow_tree(tx: Connection, old_prefix: str, new_prefix: str) -> int:
    """Cases follow a part of the tree that moved."""
    return rewrite_paths(tx, old_prefix, new_prefix)


def after_load(house: House, kind: str) -> list[str]:
    """What follows a load: a new calendar moves open deadlines, another tree the parts in open cases, another division
    table is compiled and goes into force in every process; says which."""
    if kind == "divisions":
        return [f"区划表版本 {editions.publish(house.worker, house.cache)}"]
    if kind == "organisations":
        followed = follow(house)
        return [f"随组织调整的转移 {followed} 件"] if followed else []
    if kind != "calendar":
        return []
    moved = recount(house.worker, house.clock, house.ground)
    prompts.recount(house.worker, house.clock, house.ground)
    return [f"期限变动 {len(moved)} 件"] + [f"{case} {before} -> {now}" for case, before, now in moved]


def check_glyphs(house: House) -> None:
    """Says in the log, a little later, whether every member's name can be printed."""
    fonts = fonts_of(getattr(house.settings, "fonts", None))
    threading.Thread(target=told_at_start, args=(house.worker, fonts), daemon=True, name="glyphs").start()


def portal_routers(house: House) -> list[APIRouter]:
    """The portal's pages and calls, with what intake and the matcher lend them."""
    from services.intake.app import Intake
    from services.intake.progress import how_far, outcomes_of
    from services.matcher import queries as matched
    from services.matcher.roll import identify_roll
    from services.portal.app import routers
    from services.portal.house import Portal

    outcomes = outcomes_of(matched.decisions, progress_of_cases, change_log.progress)
    people = People()
    return routers(Portal(
        house.web, house.worker, house.clock, house.secret, acts=house.acts,
        post=Intake(house.acts, house.clock, house.secret).post,
        reviews=lambda tx, caller, **asked: matched.reviews(tx, house, caller, **asked),
        explained=lambda tx, caller, case: matched.explained(tx, house, caller, case),
        decide_review=lambda tx, caller, review, body, person: matched.decide_review(
            tx, house, caller, review, body, person),
        how_far=lambda tx, event, language: how_far(tx, event, outcomes, language),
        opened=mark_seen,
        compare=lambda organisation, roll, **said: comparisons.compare(
            house.worker, lambda tx, lines, world: identify_roll(tx, people, lines, world), house.ground, organisation,
            roll, house.clock.now(), **said),
        subscriptions=[make(house) for make in HANDLERS.values()], ground=house.ground,
        secure=getattr(house.settings, "url", "").startswith("https:"),
        places=EvidenceDesk(house.addresses, house.clock),
        url=printed_url(house.settings), fonts=getattr(house.settings, "fonts", None)))


def printed_url(settings: object | None) -> str:
    """What the QR codes of letters begin with: GUIDUI_URL where it is set; else whatever address is asked."""
    return getattr(settings, "url", "") if "url" in getattr(settings, "model_fields_set", ()) else ""
