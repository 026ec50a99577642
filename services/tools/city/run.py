"""``guidui simulate --city``: plays a city day by day, and looks after every step whether the
invariants hold.

Everything goes the way it goes in life: events through intake's parser and the one SQL function
that accepts them, consumers through their tailers, commands through the case commands (some as
their caller, under row-level security), clock, delivery and climbing through their loops. Chance
comes from one ``random.Random(seed)``; ids follow from events.
"""

from __future__ import annotations

import tempfile
import time as stopwatch
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import URL

from schemas.departures import SOURCE_PREFIX
from services.app import after_load, climb_loop, delivery_loop, follow_tree
from services.cases.store.backlog import open_letters
from services.cluster.postgres import EmbeddedServer
from services.kit.clock import ZONE
from services.kit.db.engine import connect
from services.kit.db.migrations import migrate
from services.registry.load import Hooks, load_rows
from services.tools.city import acts
from services.tools.city.actors import Offices
from services.tools.city.checker import Beside, Here
from services.tools.city.inspector import Inspector
from services.tools.city.people import Lives
from services.tools.city.process import Machine
from services.tools.city.report import Report
from services.tools.city.town import COUNTY, contact, town

START = date(2026, 1, 5)
BROKEN_MAX = 20
# a small city is played every few days, with lives that move more and offices that try more
LARGE = 500
EVERY_DAYS, MOVES_A_YEAR, AT_A_VENTURE = (14, 1), (1.2, 0.36), (0.03, 0.0005)
DELIVERY_DAYS = 7
OFF, OFF_DAYS_MAX, SECRETARY_CHANGES, TREE_CHANGES = 0.008, 8, 0.1, 0.01


def simulate(
    members: int, years: float, seed: int, say: Callable[[str], None] = lambda _: None
) -> Report:
    """Plays a city in a throw-away database of an embedded server of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="guidui-city-") as folder,
        EmbeddedServer(Path(folder) / "data") as server,
    ):
        migrate(server.owner_url())
        commit_lightly(server.owner_url())
        return play(server.app_url(), members, round(365 * years), seed, say)


def commit_lightly(owner_url: str | URL) -> None:
    """A commit in a database that will be thrown away need not wait for the disk."""
    engine = connect(owner_url, None, connections_max=1)
    with engine.begin() as tx:
        tx.exec_driver_sql("""DO $$ BEGIN
            EXECUTE format('ALTER DATABASE %%I SET synchronous_commit = off', current_database());
        END $$""")
    engine.dispose()


def play(
    url: str | URL,
    members: int,
    days: int,
    seed: int,
    say: Callable[[str], None] = lambda _: None,
    beside: bool | None = None,
) -> Report:
    """Plays a city on a migrated, empty database. ``beside``: a process of its own looks, by
    default at a large city.
    """
    began = stopwatch.monotonic()
    city = City(url, members, days, seed, beside)
    try:
        for number in range(days):
            day = START + timedelta(days=number)
            city.day(day)
            if day.day == 1:
                say(
                    f"{day}  {stopwatch.monotonic() - began:.0f} s  {city.report.counts['acts']} "
                    f"acts"
                )
            if len(city.report.broken) >= BROKEN_MAX:
                break
        city.finish()
    finally:
        city.eyes.close()
        city.machine.close()
    city.report.seconds = stopwatch.monotonic() - began
    return city.report


class City:
    """A city on its clock: the machine its service runs on, its people, its offices, and who looks
    after them.
    """

    def __init__(
        self, url: str | URL, members: int, days: int, seed: int, beside: bool | None = None
    ) -> None:
        self._random, large = Random(seed), members >= LARGE
        self._every, self._off_until = EVERY_DAYS[large], START
        self.report = Report(seed, members, days)
        self.machine = Machine(
            url,
            datetime.combine(START - timedelta(days=1), time(12), ZONE),
            self._random,
            self.report.counts,
        )
        self.town = town(members, self._random, START)
        homes = {m["member"]: m["organisation"] for m in self.town.members}
        rule_source = self.machine.rule_source
        self.eyes = (
            Beside(url, rule_source, homes)
            if (large if beside is None else beside)
            else Here(rule_source, homes)
        )
        self.inspector = Inspector(self.machine, self.report, homes, self.eyes)
        self.lives = Lives(self.town, self._random, self.inspector.homes, self.inspector.ended)
        self.lives.draw(START, days, MOVES_A_YEAR[large])
        self.offices = Offices(
            self.machine, self.inspector, self.report, self.town, self._random, AT_A_VENTURE[large]
        )
        for kind in ("organisations", "members", "contacts", "letters"):
            self._load(kind, getattr(self.town, kind))
        self.offices.step(self.machine.settle)

    def day(self, day: date) -> None:
        """One day: midnight's clocks, the morning's post, the acts of the offices, and what goes
        wrong.
        """
        if day < self._off_until or day.toordinal() % self._every:
            return
        if self._random.random() < OFF:
            self._off_until = day + timedelta(days=1 + self._random.randrange(OFF_DAYS_MAX))
            self.report.counts["machine off"] += 1
        self._turn_to(day, 0)
        self.offices.step(self.machine.settle)
        self._turn_to(day, 9)
        self.offices.post(self.lives.until(day))
        if self._every > 1 or self.machine.calendar.is_workday(day):
            self._turn_to(day, 10)
            self.offices.desk()
            self.offices.act(day)
            self._changes(day)
        if self._random.random() < self._every / DELIVERY_DAYS:
            self._turn_to(day, 20)
            self.offices.step(
                lambda: (delivery_loop(self.machine.app), climb_loop(self.machine.app))
            )
        self.inspector.look_at_everything()

    def finish(self) -> None:
        """The last look, at everything, and the digest of the history."""
        self.machine.settle()
        self.inspector.look_at_everything(every=0)
        with self.machine.app.worker.connect() as tx:
            self.report.close(tx)

    def _turn_to(self, day: date, hour: int) -> None:
        self.machine.turn_to(datetime.combine(day, time(hour, 5), ZONE))

    def _changes(self, day: date) -> None:
        """Secretaries change; organisations are renamed, merged, put under another."""
        if self._random.random() < SECRETARY_CHANGES:
            code = self._random.choice(self.offices.codes)
            self.offices.tempers[code] = acts.temper(self._random)
            self._load("contacts", [contact(code, f"新书记{day:%y%m%d}", day)])
            self.report.counts["secretaries changed"] += 1
        if self._random.random() < TREE_CHANGES * self._every:
            row, columns = self._organisation_changed(day)
            if day.toordinal() % 2:
                self.offices.post([_change(row["code"], {c: row[c] for c in columns}, day)])
            else:
                self.offices.step(lambda: self._load("organisations", [row]))
            self.report.counts["organisations changed"] += 1

    def _organisation_changed(self, day: date) -> tuple[dict[str, Any], tuple[str, ...]]:
        """A firm renamed or merged into another, or a community that goes to another street; and
        what became different.
        """
        rows = {o["code"]: o for o in self.town.organisations}
        firm, other = (rows[self._random.choice(self.town.firms).code] for _ in range(2))
        streets = sorted(
            c for c, o in rows.items() if o["unit"] == "street" and o["parent"] == COUNTY
        )
        what = self._random.choice(("renamed", "merged", "moved"))
        if what == "moved":
            place = rows[self._random.choice(self.town.places).code]
            place["parent"] = self._random.choice(streets)
            return dict(place), ("parent",)
        if (
            what == "merged"
            and other is not firm
            and not firm.get("effective_to")
            and not other.get("effective_to")
        ):
            firm |= {"effective_to": day.isoformat(), "successor": other["code"]}
            return dict(firm), ("effective_to", "successor")
        firm["name"] += "（更名）"
        return dict(firm), ("name",)

    def _load(self, kind: str, rows: list[dict[str, Any]]) -> None:
        app = self.machine.app
        hooks = Hooks(
            lambda tx, lines: open_letters(tx, lines, app.clock.now(), app.rule_source),
            [follow_tree],
        )
        result = load_rows(app.worker, kind, rows, app.clock, hooks)
        after_load(app, kind)
        if result.bad:
            raise ValueError(f"the city's {kind} cannot be loaded: {result.faults[:3]}")


def _change(code: str, columns: dict[str, str], day: date) -> dict[str, Any]:
    """The event by which the county's department says so."""
    return {
        "specversion": "1.0",
        "type": "guidui.organisation.changed.v1",
        "source": SOURCE_PREFIX + COUNTY,
        "id": f"org-{day}-{code}",
        "data": {"organisation": code, **columns},
    }
