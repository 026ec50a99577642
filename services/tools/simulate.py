"""``guidui simulate``: a history played through the real handlers and commands, on a clock that is
turned.

The format is interface.md §6. Everything runs in a throw-away database of an embedded server of its
own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from schemas.days import read_moment
from schemas.departures import SOURCE_PREFIX
from services.app import (
    HANDLERS,
    App,
    climb_loop,
    delivery_loop,
    erase_loop,
    records_loop,
    tree_loop,
    walk_ins_loop,
)
from services.cases.commands.apply import Acting, GivenCommand, apply
from services.cases.deadlines import clock as case_clock
from services.cases.deadlines.calendar import midnight
from services.cases.store import case_ids
from services.cases.views import queries
from services.cases.views.alerts import alerts
from services.cluster.postgres import EmbeddedServer
from services.intake.faults import Invalid
from services.intake.parse import parse
from services.intake.store import accept, conflict
from services.kit.bus import dead_letters
from services.kit.bus.tailer import Tailers
from services.kit.cache import cache_folder
from services.kit.clock import TurnedClock
from services.kit.db.engine import rows
from services.kit.db.migrations import migrate
from services.kit.db.paging import Page
from services.kit.errors import Refused, Text
from services.matcher import reviews
from services.registry import change_log, ended_organisations
from services.registry.access import Caller
from services.registry.directory import Directory
from services.registry.load import load_rows
from services.tools import scenario_file
from services.tools.scenario_file import NotAScenario, Scenario

WORLD = ("organisations", "members", "contacts", "grids")
# a history may leave any column out; these may not stand empty in a register, and here nothing
# depends on them
USUAL = {"organisations": {"unit": "organ"}, "contacts": {"post": "clerk"}}


def play_file(file: Path) -> tuple[dict[str, Any], bool]:
    """Plays the scenario in ``file``; returns the answer and whether every step was ok. Raises
    NotAScenario.
    """
    scenario = scenario_file.read(file)
    with (
        tempfile.TemporaryDirectory(prefix="guidui-") as folder,
        EmbeddedServer(Path(folder) / "data") as server,
    ):
        migrate(server.owner_url())
        return _played(Stage.of(server.app_url(), scenario), scenario)


def play(url: str, given: Mapping[str, Any], start: datetime) -> tuple[dict[str, Any], bool]:
    """Plays parsed JSON, begun at `start`, on a migrated, empty database. Raises NotAScenario."""
    scenario = scenario_file.scenario({**given, "start": start.isoformat()})
    return _played(Stage.of(url, scenario), scenario)


def _played(stage: Stage, scenario: Scenario) -> tuple[dict[str, Any], bool]:
    try:
        answers = [stage.step(index, step) for index, step in enumerate(scenario.steps)]
    finally:
        stage.app.close()
    return {"name": scenario.name, "steps": answers}, all(a["ok"] for a in answers)


class Stage:
    """One scenario on its clock: the world loaded, cases remembered by the names that steps give
    them.
    """

    def __init__(self, url: str, given: Mapping[str, Any], start: datetime) -> None:
        """Loads the world of parsed JSON; its steps may be left out. Raises NotAScenario."""
        self._open(url, scenario_file.scenario({"steps": [], **given, "start": start.isoformat()}))

    @classmethod
    def of(cls, url: str, scenario: Scenario) -> Stage:
        """A stage with the world of a scenario loaded."""
        stage = cls.__new__(cls)
        stage._open(url, scenario)
        return stage

    def _open(self, url: str, scenario: Scenario) -> None:
        world = scenario.world
        self.clock = TurnedClock(scenario.start)
        self.app = App.at(url, b"simulation", cache_folder(), self.clock, scenario.rule_source)
        with self.app.worker.begin() as tx:
            case_ids.fix(tx, b"simulation")
        self.members = {m["member"]: m for m in world.get("members") or ()}
        self.steps = scenario.steps
        self.names: dict[str, UUID] = {}
        self.sources: dict[str, str] = {}
        for kind in WORLD:
            if world.get(kind):
                given = [USUAL.get(kind, {}) | _plain(row) for row in world[kind]]
                result = load_rows(self.app.worker, kind, given, self.clock)
                if result.bad:
                    raise NotAScenario(
                        f"world.{kind}: {result.bad} rows cannot be used: "
                        + "; ".join(
                            f"{column} of row {row}: {reason}"
                            for row, column, reason in result.faults[:5]
                        )
                    )
        self.tailers = Tailers(
            self.app.worker, [make(self.app) for make in HANDLERS.values()], self.clock
        )
        records_loop(self.app)
        self.settle()

    def settle(self) -> None:
        """Lets everything happen that would happen now."""
        self.tailers.drain()
        while (
            case_clock.tick(self.app.worker, self.clock, self.app.rule_source)
            or self._tree()
            or self.tailers.drain()
        ):
            pass
        delivery_loop(self.app)
        self._nothing_aside()

    def _nothing_aside(self) -> None:
        """A history in which a row had to step aside has not been played as it was meant."""
        with self.app.worker.connect() as tx:
            for row in dead_letters.listed(tx):
                raise RuntimeError(f"{row.consumer}, {row.type}, {row.key}: {row.reason_en}")

    def _tree(self) -> int:
        """Organisations that change; the loop of records looks at a new committee within five
        minutes.
        """
        changed = tree_loop(self.app)
        return changed and changed + records_loop(self.app)

    def turn_to(self, at: datetime) -> None:
        """Turns the clock forward, stopping wherever something is due."""
        while (due := self._next()) <= at:
            self.clock.advance_to(due)
            if due == midnight(due.date()) and due.day == 1:
                records_loop(
                    self.app
                )  # snapshots, t17, the cards of a quarter: all on the first of a month
            self.settle()
        self.clock.advance_to(max(at, self.clock.now()))
        for loop in (
            walk_ins_loop,
            erase_loop,
            climb_loop,
        ):  # once between two steps is as good as every five minutes
            loop(self.app)
        self.settle()

    def _next(self) -> datetime:
        """The next moment at which something is due: a case, a member, an organisation, or a month
        that is over.
        """
        now = self.clock.now()
        with self.app.worker.connect() as tx:
            due = case_clock.next_at(tx, now)
            changing = [
                day
                for of in (change_log, ended_organisations)
                if (day := of.next_day(tx, now.date()))
            ]
        month = midnight((now.date().replace(day=1) + timedelta(days=32)).replace(day=1))
        return min([*map(midnight, changing), *([due] if due else []), month])

    def step(self, index: int, step: Mapping[str, Any]) -> dict[str, Any]:
        """Plays one step and compares it with what it expects."""
        self.turn_to(read_moment(step["at"]))
        answer: dict[str, Any] = {"index": index, "ok": True}
        expected = step.get("expect") or {}
        if "show" in step:
            shown = self.show(step["show"])
            answer["shown"] = shown
            if not (
                matches(step.get("expect", {}), shown)
                and not clashes(step.get("expect_not", {}), shown)
            ):
                answer["ok"] = False
            return answer
        try:
            self.event(index, step) if "event" in step else self.command(step)
            refused = None
        except Refused as error:
            refused = {"status": error.status, "reason": error.words.zh}
        except Invalid as error:
            refused = {"status": error.status, "reason": error.words().zh}
        if refused:
            answer["refused"] = refused
        answer["ok"] = bool(refused) == bool(
            isinstance(expected, Mapping) and expected.get("refused")
        )
        self.settle()
        return answer

    def event(self, index: int, step: Mapping[str, Any]) -> None:
        """Posts an event as intake would."""
        event = dict(step["event"])
        event.setdefault("specversion", "1.0")
        event.setdefault("id", f"step-{index}")
        event.setdefault("time", step["at"])
        if not event.get("source"):
            event["source"] = self._source(event)
        posted = parse(event, self.app.secret, self.clock.now())
        self.sources[event["id"]] = event["source"]
        with self.app.worker.begin() as tx:
            code = event["source"].removeprefix(SOURCE_PREFIX)
            organisation = Directory.of(tx).get(code)
            if organisation is None:
                raise Refused(403, "unknown-organisation", _UNKNOWN)
            outcome = accept(
                tx, Caller(code, organisation.path, "sender"), [posted], self.clock.now()
            )[0]
        if step.get("as"):
            self.names[step["as"]] = posted.id
        if isinstance(outcome, Invalid):
            raise outcome
        if outcome == "conflict":
            raise conflict(posted)

    def _source(self, event: Mapping[str, Any]) -> str:
        """Who posts an event that does not say so: whoever posts what it corrects, else the
        member's organisation.
        """
        data = event.get("data")
        data = data if isinstance(data, Mapping) else {}
        corrects = data.get("corrects")
        if not isinstance(corrects, str):
            return SOURCE_PREFIX + self._home(data)
        later = next(
            (e for step in self.steps if (e := step.get("event") or {}).get("id") == corrects), {}
        )
        return (
            self.sources.get(corrects)
            or later.get("source")
            or SOURCE_PREFIX + self._home(later.get("data") or data)
        )

    def _home(self, data: Mapping[str, Any]) -> str:
        posted_person = _person_of(data)
        for member in self.members.values():
            if posted_person.get("member") == member["member"] or (
                posted_person.get("id_number")
                and posted_person.get("id_number") == member.get("id_number")
            ):
                return member["organisation"]
        named = [m for m in self.members.values() if m.get("name") == posted_person.get("name")]
        if not named:
            raise Refused(422, "source-missing", _NO_SOURCE)
        return named[0]["organisation"]

    def command(self, step: Mapping[str, Any]) -> None:
        """Gives a command as the organisation ``by`` would."""
        args = {key: self._named(key, value) for key, value in (step.get("with") or {}).items()}
        by = step.get("by") or ""
        with self.app.acts.begin() as tx:
            organisation = Directory.of(tx).get(by)
            if step["do"] == "identify" and not by:
                reviews.decide(tx, self.app, *self._event(step["case"]), args, None)
                return
            if organisation is None:
                raise Refused(403, "unknown-organisation", _UNKNOWN)
            caller = Caller(by, organisation.path, "department")
            if step["do"] == "identify":
                event, position = self._event(step["case"])
                reviews.decide_review(tx, self.app, caller, f"{event}:{position}", args)
                return
            acting = Acting(caller, self.clock.now(), self.app.rule_source)
            apply(tx, acting, GivenCommand(self.case(step["case"]), step["do"], args))

    def _named(self, key: str, value: Any) -> Any:
        if key == "letter_number" and isinstance(value, str) and "#" in value:
            name, _, number = value.partition("#")
            letters = self._letters(self.case(name))
            if not number.isdecimal() or not 1 <= int(number) <= len(letters):
                raise Refused(404, "no-such-letter", _NO_LETTER)
            return letters[int(number) - 1]
        if key == "into" and value in self.names:
            return self.case(value)
        if key == "from_report" and value in self.names:
            return str(self.names[value])
        return value

    def _letters(self, case_id: str) -> list[str]:
        with self.app.worker.connect() as tx:
            return list(
                tx.exec_driver_sql(
                    """SELECT change ->> 'letter_number' FROM case_event WHERE case_id = %s::uuid
                   AND change ->> 'letter_number' IS NOT NULL ORDER BY seq""",
                    (case_id,),
                ).scalars()
            )

    def _event(self, name: str) -> tuple[UUID, int]:
        base, _, number = name.partition(".")
        if base not in self.names or number and not number.isdecimal():
            raise Refused(404, "no-such-case", _NO_CASE)
        return self.names[base], int(number) - 1 if number else 0

    def case(self, name: str) -> str:
        """The case that an event opened or joined; ``A.2`` the second child of a bulk case."""
        event, position = self._event(name)
        with self.app.worker.connect() as tx:
            letters = rows(
                tx,
                """SELECT coalesce(i.case_id, r.case_id)::text AS case_id, c.parent::text AS parent,
                    i.position,
                    (e.data ->> 'group') IS NOT NULL AS grouped, e.source,
                        e.data ->> 'batch' AS batch
                FROM identification i JOIN posted_event e ON e.id = i.event_id
                LEFT JOIN report r ON (r.event_id, r.position) = (i.event_id, i.position)
                LEFT JOIN transfer_case c ON c.id = coalesce(i.case_id, r.case_id)
                WHERE i.event_id = :event AND (i.position = :position
                    OR e.data ->> 'group' IS NOT NULL)
                ORDER BY i.position = :position DESC, i.position""",
                {"event": event, "position": position},
            )
        if not letters:
            raise Refused(404, "no-such-case", _NO_CASE)
        row = letters[0]
        if row.grouped and "." not in name:
            return next((r.parent for r in letters if r.parent), row.case_id)
        child = row.case_id if row.position == position else self._later_child(event, position)
        if child is None:
            raise Refused(404, "no-such-case", _NO_CASE)
        return child

    def _later_child(self, event: UUID, position: int) -> str | None:
        """The child at that place of a bulk case told in several events, counted in the order in
        which they came.
        """
        with self.app.worker.connect() as tx:
            return tx.exec_driver_sql(
                """SELECT i.case_id::text FROM posted_event named
                JOIN posted_event e ON e.organisation = named.organisation
                    AND e.data ->> 'batch' = named.data ->> 'batch'
                JOIN identification i ON i.event_id = e.id
                WHERE named.id = %s ORDER BY e.received_at, e.id, i.position OFFSET %s LIMIT 1""",
                (event, position),
            ).scalar()

    def show(self, what: Mapping[str, Any]) -> Any:
        """One view: case, alerts, member or audit."""
        now = self.clock.now()
        with self.app.worker.begin() as tx:
            if "case" in what:
                try:
                    return queries.views(
                        tx, [self.case(what["case"])], now, self.app.rule_source, queries.EVERYBODY
                    )[0]
                except Refused:
                    return None
            if "alerts" in what:
                return alerts(tx, now, what["alerts"], Page(limit=1000)).items
            if "member" in what:
                return queries.member_view(tx, what["member"])
            if "audit" in what:
                return queries.audit(tx, now, what["audit"], self.app.rule_source)
        raise NotAScenario(f"cannot show {sorted(what)}")


def _person_of(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first person that the data of an event names, as far as it has the form of one."""
    persons = data.get("persons")
    first = persons[0] if isinstance(persons, list) and persons else {}
    for holder in (data, first):
        person = holder.get("person") if isinstance(holder, Mapping) else None
        if isinstance(person, Mapping):
            return person
    return {}


def _plain(row: Mapping[str, Any]) -> dict[str, str]:
    return {k: str(v) for k, v in row.items() if v not in (None, "")}


def matches(expected: Any, shown: Any) -> bool:
    """Whether every field that ``expected`` names is equal; each item of a list must match some
    shown item.
    """
    if isinstance(expected, Mapping):
        return (expected == {} or isinstance(shown, Mapping)) and all(
            matches(value, (shown or {}).get(key)) for key, value in expected.items()
        )
    if isinstance(expected, list):
        return isinstance(shown, list) and all(any(matches(e, s) for s in shown) for e in expected)
    return expected == shown


def clashes(unwanted: Any, shown: Any) -> bool:
    """Whether a list that ``unwanted`` names holds an item listed there."""
    if isinstance(unwanted, list):
        return isinstance(shown, list) and any(matches(u, s) for u in unwanted for s in shown)
    if isinstance(unwanted, Mapping) and isinstance(shown, Mapping):
        return any(clashes(value, shown.get(key)) for key, value in unwanted.items())
    return False


_NO_CASE = Text("没有这件转移。", "There is no such case.")
_NO_LETTER = Text("这件转移没有这一份介绍信。", "The case has no such letter.")
_UNKNOWN = Text("没有这个党组织。", "There is no such organisation.")
_NO_SOURCE = Text(
    "事件没有写 source，所写的人也不在名册里。",
    "The event has no source, and names nobody of this world.",
)
