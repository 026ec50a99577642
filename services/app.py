"""Composition root: settings become engines, clock, handlers and loops. THE table of who handles
what is here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter
from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL

from services.addresses.gazetteer import Gazetteer
from services.cases.deadlines import clock as case_clock
from services.cases.deadlines import recount as recount_of_calendar
from services.cases.deadlines.recount import recompute_deadlines, recount_again
from services.cases.routing.repoint import (
    CASES,
    MEMBERS,
    reassign_after_reorganisation,
    repoint_again,
    rewrite_paths,
)
from services.cases.routing.rule_source import RuleSource, default_rules, stored_calendar
from services.cases.views.queries import progress_of_cases
from services.kit import loops, rounds
from services.kit.bus.consumer import Subscription
from services.kit.clock import Clock, SystemClock
from services.kit.db.engine import connect
from services.kit.errors import Text
from services.kit.rounds import Loop, Rounds, Runner
from services.kit.settings import Settings
from services.matcher import editions, empty_batches, review_tasks, walk_ins
from services.matcher.confirmed_address_desk import EvidenceDesk
from services.matcher.confirmed_addresses import ConfirmationsFirst, ConfirmedAddressRecorder
from services.matcher.erasure import erase_decided
from services.matcher.handlers import Matcher
from services.matcher.live_gazetteer import Addresses
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
from services.registry import change_log, ended_organisations, rekey, security_log

if TYPE_CHECKING:
    from services.portal.context import Portal


@dataclass
class App:
    """One process's furniture: engines, clock, rules, gazetteer.

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
    rule_source: RuleSource = field(default_factory=default_rules)
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
        rule_source: RuleSource | None = None,
        settings: Settings | None = None,
        connections_max: int = 10,
        web_url: str | URL | None = None,
    ) -> App:
        """An app on the database of an application login; ``web_url`` is the login of pages, where
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
            web,
            acts,
            worker,
            secret,
            cache,
            clock or SystemClock(),
            rule_source or default_rules(),
            settings,
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
        """How notices can leave this app."""
        return channels_at_hand(self.settings) if self.settings else {"portal": PortalInbox()}

    def rests(self, day: date) -> bool:
        """Whether nobody should be disturbed on a day."""
        with self.worker.connect() as tx:
            return not (self.rule_source.calendar or stored_calendar(tx)).is_workday(day)

    def close(self) -> None:
        """Gives all connections back."""
        for engine in (self.web, self.acts, self.worker):
            engine.dispose()


def matcher(app: App) -> Subscription:
    """departures -> identity, destination, cases; cases -> what people confirmed of addresses."""
    act = Matcher(app.clock, app.rule_source, app.addresses)
    return Subscription(
        "matcher",
        ("departures", "cases"),
        ConfirmationsFirst(ConfirmedAddressRecorder(app.clock, app.addresses), act),
    )


def notices(app: App) -> Subscription:
    """cases, tasks -> notices."""
    return Subscription("notifier", ("cases", "tasks"), notifier(app.clock, set(app.channels)))


HANDLERS: dict[str, Callable[[App], Subscription]] = {"matcher": matcher, "notifier": notices}


def _clock_part(part: case_clock.Pass) -> Callable[[App], int]:
    return lambda app: case_clock.catch_up(part, app.worker, app.clock, app.rule_source)


def _deliver(app: App) -> int:
    url = getattr(app.settings, "url", "http://127.0.0.1:8000")
    return deliver_due(app.worker, app.clock, app.channels, rests=app.rests, url=url)


def _changes(app: App) -> int:
    return change_log.apply_due(app.worker, app.clock, [follow_tree], lambda: follow(app))


def _ended(app: App) -> int:
    return ended_organisations.follow(app.worker, app.clock, lambda: follow(app))


def _access(app: App) -> int:
    """Keys and accounts of organisations whose last day is over end; a successor is given its
    own.
    """
    from services.portal.issuing import end_what_ended

    with app.worker.begin() as tx:
        return end_what_ended(tx, app.clock.now())


def _old_tries(app: App) -> int:
    from services.portal.brake import forget_old

    with app.worker.begin() as tx:
        return forget_old(tx, app.clock.now())


def _old_security_rows(app: App) -> int:
    with app.worker.begin() as tx:
        return security_log.forget(tx, app.clock.now())


def _tree_again(app: App, asked: list[tuple[str, str]]) -> None:
    """What stood aside while the tree or the calendar changed is done once more: no later round
    would look at it.
    """
    again = {
        CASES.name: repoint_again,
        MEMBERS.name: repoint_again,
        recount_of_calendar.CASES.name: recount_again,
        recount_of_calendar.MEMBERS.name: recount_again,
        review_tasks.DESKS.name: review_tasks.recount_again,
    }
    for part, act in again.items():
        keys = [key for asked_part, key in asked if asked_part == part]
        if keys:
            with app.worker.begin() as tx:
                act(tx, keys, app.clock.now(), app.rule_source)


def _keys_again(app: App, asked: list[tuple[str, str]]) -> None:
    with app.worker.begin() as tx:
        rekey.again(tx, [key for _, key in asked], app.clock.now())


LOOPS: dict[str, Loop[App]] = {
    # letters that run out, tasks that open, orders to whole batches
    "clock": Loop(
        {name: _clock_part(part) for name, part in case_clock.PARTS.items()}, 2.0, ("matcher",)
    ),
    # what is left of persons who are no members, batches that brought nobody, old tries to sign in,
    # old rows of the security log
    "erase": Loop(
        {
            "persons": lambda app: erase_decided(app.worker, app.clock),
            "empty_batches": lambda app: empty_batches.close(
                app.worker, app.clock, app.rule_source
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
            "comparisons": lambda app: comparisons.erase(app.worker, app.clock.now()),
            "checks": lambda app: reconciliation.open_checks(app.worker, app.clock.now()),
            "snapshots": lambda app: snapshots.take_due(
                app.worker, app.clock.now(), app.rule_source
            ),
            "cards": lambda app: double_reports.send_cards(app.worker, app.clock.now()),
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
            "waiting": lambda app: walk_ins.look_again(
                app.worker, People(), app.clock, app.rule_source
            )
        },
        300.0,
        ("matcher",),
    ),
    # tells the level above of acts that are overdue
    "climb": Loop(
        {"overdue": lambda app: climb_overdue(app.worker, app.clock, app.channels)},
        60.0,
        ("notifier",),
    ),
    # computes the members' blocking keys anew where a release came with other rules
    "keys": Loop(
        {"members": lambda app: rekey.follow(app.worker, app.clock)},
        600.0,
        ("matcher",),
        _keys_again,
    ),
    # ends notices whose task was closed while they were being written
    "settle": Loop(
        {"notices": lambda app: settle_closed(app.worker, app.clock)}, 86_400.0, ("notifier",)
    ),
}


def round_of(app: App, name: str) -> int:
    """One round of a loop, now and in the calling thread; returns how much was done, raises the
    first fault of a part.
    """
    return Rounds(name, LOOPS[name], app).once()


def delivery_loop(app: App) -> int:
    """Hands over what is due."""
    return round_of(app, "delivery")


def records_loop(app: App) -> int:
    """One round of what records do by the clock."""
    return round_of(app, "records")


def walk_ins_loop(app: App) -> int:
    """Asks the register again about walk-ins."""
    return round_of(app, "walk_ins")


def tree_loop(app: App) -> int:
    """Changes of organisations whose day has come, and what follows."""
    return round_of(app, "tree")


def climb_loop(app: App) -> int:
    """Tells the level above of acts that are overdue."""
    return round_of(app, "climb")


def erase_loop(app: App) -> int:
    """Erases what is left of persons who are no members, ends batches that brought nobody, forgets
    old counts and old rows of the security log.
    """
    return round_of(app, "erase")


def loops_of(app: App, roles: tuple[str, ...]) -> Runner:
    """The loops of some roles, to be started."""
    return Runner(LOOPS, app, roles)


def loops_unready(app: App, role: str | None = None) -> dict[str, Text]:
    """Loop, in whatever process, -> why it does not do its work; only those of a role, where one is
    given.
    """
    own = {name: loop for name, loop in LOOPS.items() if role is None or role in loop.roles}
    with app.worker.connect() as tx:
        return {f"loop {name}": words for name, words in rounds.unready(tx, own, app.clock).items()}


def set_aside(app: App) -> dict[str, int]:
    """Loop or consumer -> how much of it waits on the dead-letter desk."""
    return loops.set_aside(app.worker)


def follow(app: App) -> int:
    """Open cases, tasks and desks follow the tree as it is now; returns how many cases and members'
    tasks did.
    """
    followed = reassign_after_reorganisation(app.worker, app.clock, app.rule_source)
    review_tasks.recompute_review_tasks(app.worker, app.clock, app.rule_source)
    return followed


def follow_tree(tx: Connection, old_prefix: str, new_prefix: str) -> int:
    """Cases follow a part of the tree that moved."""
    return rewrite_paths(tx, old_prefix, new_prefix)


def after_load(app: App, kind: str) -> list[str]:
    """What follows a load: a new calendar moves open deadlines, another tree the parts in open
    cases, another division table is compiled and goes into force in every process; says which.
    """
    if kind == "divisions":
        return [f"区划表版本 {editions.publish(app.worker, app.cache)}"]
    if kind == "organisations":
        followed = follow(app)
        return [f"随组织调整的转移 {followed} 件"] if followed else []
    if kind != "calendar":
        return []
    moved = recompute_deadlines(app.worker, app.clock, app.rule_source)
    review_tasks.recompute_review_tasks(app.worker, app.clock, app.rule_source)
    return [f"期限变动 {len(moved)} 件"] + [
        f"{case} {before} -> {now}" for case, before, now in moved
    ]


def check_glyphs(app: App) -> None:
    """Says in the log, a little later, whether every member's name can be printed."""
    fonts = fonts_of(getattr(app.settings, "fonts", None))
    threading.Thread(
        target=told_at_start, args=(app.worker, fonts), daemon=True, name="glyphs"
    ).start()


def portal_routers() -> list[APIRouter]:
    """The portal's pages and calls; their application keeps the portal as its `state.portal`."""
    from services.portal.app import routers

    return routers()


def portal_of(app: App, address: str) -> Portal:
    """The portal with what intake and the matcher lend it; `address`: where it is served."""
    from services.intake.app import Intake
    from services.intake.progress import how_far, outcomes_of
    from services.matcher import queries as matched
    from services.matcher.roster import identify_roll
    from services.portal.context import Portal

    outcomes = outcomes_of(matched.decisions, progress_of_cases, change_log.progress)
    people = People()
    return Portal(
        app.web,
        app.acts,
        app.worker,
        app.clock,
        app.secret,
        post=Intake(app.acts, app.clock, app.secret).post,
        reviews=lambda tx, caller, **asked: matched.reviews(
            tx, app, caller, matched.ReviewQuery(**asked)
        ),
        reviews_waiting=matched.reviews_waiting,
        explained=lambda tx, caller, case: matched.explained(tx, app, caller, case),
        decide_review=lambda tx, caller, review, body, person: matched.decide_review(
            tx, app, caller, review, body, person
        ),
        how_far=lambda tx, event, language: how_far(tx, event, outcomes, language),
        opened=mark_seen,
        compare=lambda organisation, roll, **asked: comparisons.compare(
            app.worker,
            lambda tx, lines, context: identify_roll(tx, people, lines, context),
            app.rule_source,
            comparisons.Upload(organisation=organisation, roll=roll, **asked),
            app.clock.now(),
        ),
        subscriptions=[make(app) for make in HANDLERS.values()],
        rule_source=app.rule_source,
        secure=getattr(app.settings, "url", "").startswith("https:"),
        places=EvidenceDesk(app.addresses, app.clock),
        url=printed_url(app.settings, address),
        fonts=getattr(app.settings, "fonts", None),
    )


def printed_url(settings: object | None, address: str) -> str:
    """What the QR codes of letters begin with: GUIDUI_URL where it is set, else the `address` that
    this process listens at. Never what a request says of its host: whoever asks could put any
    address on a letter.
    """
    if "url" in getattr(settings, "model_fields_set", ()):
        return getattr(settings, "url", "")
    return address
