"""Composition root: settings become engines, clock, handlers and loops. THE table of who handles
what is here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from fastapi import APIRouter
from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL

from services.cases import clock as case_clock
from services.cases import recount as recount_of_calendar
from services.cases.commands import rewrite_paths
from services.cases.ground import Ground, stored_calendar, usual
from services.cases.queries import progress_of_cases
from services.cases.recount import recount, recount_again
from services.cases.repoint import CASES, MEMBERS, repoint, repoint_again
from services.kit import loops, rounds
from services.kit.clock import Clock, SystemClock
from services.kit.consumer import Subscription
from services.kit.db import connect
from services.kit.errors import Words
from services.kit.rounds import Loop, Rounds, Runner
from services.kit.settings import Settings
from services.matcher import editions, empty_batches, prompts, walk_ins
from services.matcher.erasure import erase_decided
from services.matcher.evidence import Learning, Teacher
from services.matcher.evidence_desk import EvidenceDesk
from services.matcher.gazetteer import Gazetteer
from services.matcher.handlers import Matcher
from services.matcher.learning import Addresses
from services.matcher.people import People
from services.notifier.channels import Channels
from services.notifier.channels.at_hand import channels_at_hand
from services.notifier.channels.portal_inbox import PortalInbox
from services.notifier.delivery import deliver_due
from services.notifier.escalation import climb_overdue, settle_closed
from services.notifier.handlers import notifier
from services.notifier.tables import mark_seen
from services.records import comparisons, double_reports, reconciliation, snapshots
from services.records.letters.fonts import fonts_of
from services.records.letters.glyphs import told_at_start
from services.registry import change_log, ends, rekey, security_log


@dataclass
class House:
    """One process's furniture: engines, clock, ground, gazetteer.

    ``web`` reads for whoever looks and may do nothing else where the login of pages is set.
    ``acts`` begins as pages do and becomes the worker within its transaction, for what people do.
    ``worker`` is for handlers and loops.
    """

    web: Engine
    acts: Engine
    worker: Engine
    secret: bytes
    cache: Path
    clock: Clock = field(default_factory=SystemClock)
    ground: Ground = field(default_factory=usual)
    settings: Settings | None = None
    _gazetteer: Gazetteer | None = None
    _addresses: Addresses | None = None

    @classmethod
    def at(  # noqa: PLR0913
        cls,
        url: str | URL,
        secret: bytes,
        cache: Path,
        clock: Clock | None = None,
        ground: Ground | None = None,
        settings: Settings | None = None,
        connections_max: int = 10,
        web_url: str | URL | None = None,
    ) -> House:
        """A house on the database of an application login; ``web_url`` is the login of pages, where
        there is one.
        """
        worker = connect(url, "guidui_worker", connections_max=connections_max)
        acts = connect(url, "guidui_web", connections_max=connections_max, ping=True)
        web = acts
        if web_url is not None:
            web = connect(
                web_url, "guidui_web", connections_max=connections_max, ping=True, lender=worker
            )
        return cls(
            web, acts, worker, secret, cache, clock or SystemClock(), ground or usual(), settings
        )

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
    def channels(self) -> Channels:
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
    return Subscription(
        "matcher", ("departures", "cases"), Learning(Teacher(house.clock, house.addresses), act)
    )


def notices(house: House) -> Subscription:
    """cases, tasks -> notices."""
    return Subscription("notifier", ("cases", "tasks"), notifier(house.clock, set(house.channels)))


HANDLERS: dict[str, Callable[[House], Subscription]] = {"matcher": matcher, "notifier": notices}


def _clock_part(part: case_clock.Pass) -> Callable[[House], int]:
    return lambda house: case_clock.catch_up(part, house.worker, house.clock, house.ground)


def _deliver(house: House) -> int:
    url = getattr(house.settings, "url", "http://127.0.0.1:8000")
    return deliver_due(house.worker, house.clock, house.channels, rests=house.rests, url=url)


def _changes(house: House) -> int:
    return change_log.apply_due(house.worker, house.clock, [follow_tree], lambda: follow(house))


def _ended(house: House) -> int:
    return ends.follow(house.worker, house.clock, lambda: follow(house))


def _access(house: House) -> int:
    """Keys and accounts of organisations whose last day is over end; a successor is given its
    own.
    """
    from services.portal.issuing import end_what_ended

    with house.worker.begin() as tx:
        return end_what_ended(tx, house.clock.now())


def _old_tries(house: House) -> int:
    from services.portal.brake import forget_old

    with house.worker.begin() as tx:
        return forget_old(tx, house.clock.now())


def _old_security_rows(house: House) -> int:
    with house.worker.begin() as tx:
        return security_log.forget(tx, house.clock.now())


def _tree_again(house: House, asked: list[tuple[str, str]]) -> None:
    """What stood aside while the tree or the calendar changed is done once more: no later round
    would look at it.
    """
    again = {
        CASES.name: repoint_again,
        MEMBERS.name: repoint_again,
        recount_of_calendar.CASES.name: recount_again,
        recount_of_calendar.MEMBERS.name: recount_again,
        prompts.DESKS.name: prompts.recount_again,
    }
    for part, act in again.items():
        keys = [key for asked_part, key in asked if asked_part == part]
        if keys:
            with house.worker.begin() as tx:
                act(tx, keys, house.clock.now(), house.ground)


def _keys_again(house: House, asked: list[tuple[str, str]]) -> None:
    with house.worker.begin() as tx:
        rekey.again(tx, [key for _, key in asked], house.clock.now())


LOOPS: dict[str, Loop[House]] = {
    # letters that run out, tasks that open, orders to whole batches
    "clock": Loop(
        {name: _clock_part(part) for name, part in case_clock.PARTS.items()}, 2.0, ("matcher",)
    ),
    # what is left of persons who are no members, batches that brought nobody, old tries to sign in,
    # old rows of the security log
    "erase": Loop(
        {
            "persons": lambda house: erase_decided(house.worker, house.clock),
            "empty_batches": lambda house: empty_batches.close(
                house.worker, house.clock, house.ground
            ),
            "old_tries": _old_tries,
            "security_log": _old_security_rows,
        },
        600.0,
        ("matcher",),
    ),
    # hands over the notices that are due
    "delivery": Loop({"mails": _deliver}, 1.0, ("notifier",)),
    # erases what was uploaded of persons a day ago, opens the checks of rolls (t17), writes
    # month-end snapshots, sends the cards of 双报到 for the quarter that is over
    "records": Loop(
        {
            "comparisons": lambda house: comparisons.erase(house.worker, house.clock.now()),
            "checks": lambda house: reconciliation.open_checks(house.worker, house.clock.now()),
            "snapshots": lambda house: snapshots.take_due(
                house.worker, house.clock.now(), house.ground
            ),
            "cards": lambda house: double_reports.send_cards(house.worker, house.clock.now()),
        },
        300.0,
        ("matcher",),
    ),
    # carries out the changes of organisations whose day has come; open cases and tasks follow, also
    # where a file had named the last day
    "tree": Loop(
        {"changes": _changes, "ended": _ended, "access": _access}, 2.0, ("matcher",), _tree_again
    ),
    # asks the register again about walk-ins whom it did not know
    "walk_ins": Loop(
        {
            "waiting": lambda house: walk_ins.look_again(
                house.worker, People(), house.clock, house.ground
            )
        },
        300.0,
        ("matcher",),
    ),
    # tells the level above of acts that are overdue
    "climb": Loop(
        {"overdue": lambda house: climb_overdue(house.worker, house.clock, house.channels)},
        60.0,
        ("notifier",),
    ),
    # computes the members' blocking keys anew where a release came with other rules
    "keys": Loop(
        {"members": lambda house: rekey.follow(house.worker, house.clock)},
        600.0,
        ("matcher",),
        _keys_again,
    ),
    # ends notices whose task was closed while they were being written
    "settle": Loop(
        {"notices": lambda house: settle_closed(house.worker, house.clock)}, 86_400.0, ("notifier",)
    ),
}


def round_of(house: House, name: str) -> int:
    """One round of a loop, now and in the calling thread; returns how much was done, raises the
    first fault of a part.
    """
    return Rounds(name, LOOPS[name], house).once()


def delivery_loop(house: House) -> int:
    """Hands over what is due."""
    return round_of(house, "delivery")


def records_loop(house: House) -> int:
    """One round of what records do by the clock."""
    return round_of(house, "records")


def walk_ins_loop(house: House) -> int:
    """Asks the register again about walk-ins."""
    return round_of(house, "walk_ins")


def tree_loop(house: House) -> int:
    """Changes of organisations whose day has come, and what follows."""
    return round_of(house, "tree")


def climb_loop(house: House) -> int:
    """Tells the level above of acts that are overdue."""
    return round_of(house, "climb")


def erase_loop(house: House) -> int:
    """Erases what is left of persons who are no members, ends batches that brought nobody, forgets
    old counts and old rows of the security log.
    """
    return round_of(house, "erase")


def loops_of(house: House, roles: tuple[str, ...]) -> Runner:
    """The loops of some roles, to be started."""
    return Runner(LOOPS, house, roles)


def loops_unready(house: House, role: str | None = None) -> dict[str, Words]:
    """Loop, in whatever process, -> why it does not do its work; only those of a role, where one is
    given.
    """
    own = {name: loop for name, loop in LOOPS.items() if role is None or role in loop.roles}
    with house.worker.connect() as tx:
        return {
            f"loop {name}": words for name, words in rounds.unready(tx, own, house.clock).items()
        }


def set_aside(house: House) -> dict[str, int]:
    """Loop or consumer -> how much of it waits on the dead-letter desk."""
    return loops.set_aside(house.worker)


def follow(house: House) -> int:
    """Open cases, tasks and desks follow the tree as it is now; returns how many cases and members'
    tasks did.
    """
    followed = repoint(house.worker, house.clock, house.ground)
    prompts.recount(house.worker, house.clock, house.ground)
    return followed


def follow_tree(tx: Connection, old_prefix: str, new_prefix: str) -> int:
    """Cases follow a part of the tree that moved."""
    return rewrite_paths(tx, old_prefix, new_prefix)


def after_load(house: House, kind: str) -> list[str]:
    """What follows a load: a new calendar moves open deadlines, another tree the parts in open
    cases, another division table is compiled and goes into force in every process; says which.
    """
    if kind == "divisions":
        return [f"区划表版本 {editions.publish(house.worker, house.cache)}"]
    if kind == "organisations":
        followed = follow(house)
        return [f"随组织调整的转移 {followed} 件"] if followed else []
    if kind != "calendar":
        return []
    moved = recount(house.worker, house.clock, house.ground)
    prompts.recount(house.worker, house.clock, house.ground)
    return [f"期限变动 {len(moved)} 件"] + [
        f"{case} {before} -> {now}" for case, before, now in moved
    ]


def check_glyphs(house: House) -> None:
    """Says in the log, a little later, whether every member's name can be printed."""
    fonts = fonts_of(getattr(house.settings, "fonts", None))
    threading.Thread(
        target=told_at_start, args=(house.worker, fonts), daemon=True, name="glyphs"
    ).start()


def portal_routers(house: House, address: str) -> list[APIRouter]:
    """The portal's pages and calls, with what intake and the matcher lend them; `address`: where
    they are served.
    """
    from services.intake.app import Intake
    from services.intake.progress import how_far, outcomes_of
    from services.matcher import queries as matched
    from services.matcher.roll import identify_roll
    from services.portal.app import routers
    from services.portal.house import Portal

    outcomes = outcomes_of(matched.decisions, progress_of_cases, change_log.progress)
    people = People()
    return routers(
        Portal(
            house.web,
            house.acts,
            house.worker,
            house.clock,
            house.secret,
            post=Intake(house.acts, house.clock, house.secret).post,
            reviews=lambda tx, caller, **asked: matched.reviews(tx, house, caller, **asked),
            reviews_waiting=matched.reviews_waiting,
            explained=lambda tx, caller, case: matched.explained(tx, house, caller, case),
            decide_review=lambda tx, caller, review, body, person: matched.decide_review(
                tx, house, caller, review, body, person
            ),
            how_far=lambda tx, event, language: how_far(tx, event, outcomes, language),
            opened=mark_seen,
            compare=lambda organisation, roll, **said: comparisons.compare(
                house.worker,
                lambda tx, lines, world: identify_roll(tx, people, lines, world),
                house.ground,
                organisation,
                roll,
                house.clock.now(),
                **said,
            ),
            subscriptions=[make(house) for make in HANDLERS.values()],
            ground=house.ground,
            secure=getattr(house.settings, "url", "").startswith("https:"),
            places=EvidenceDesk(house.addresses, house.clock),
            url=printed_url(house.settings, address),
            fonts=getattr(house.settings, "fonts", None),
        )
    )


def printed_url(settings: object | None, address: str) -> str:
    """What the QR codes of letters begin with: GUIDUI_URL where it is set, else the `address` that
    this process listens at. Never what a request says of its host: whoever asks could put any
    address on a letter.
    """
    if "url" in getattr(settings, "model_fields_set", ()):
        return getattr(settings, "url", "")
    return address
