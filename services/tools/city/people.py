"""What happens to the people of the city, and what is posted about it: the events, with the faults
that senders make.

Nothing here knows of cases. A life is drawn when the city is made; what is posted on a day depends
on where the member belongs by then.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

from schemas.departures import SOURCE_PREFIX
from services.kit.clock import ZONE
from services.tools.city.town import FAR_ADDRESS, FAR_STREET, Town, Unit, door
from services.tools.demo_people import people

Event = dict[str, Any]
GRADUATES = 0.4
DUES_EVERY_DAYS = 182
LATE, PARTIAL, DUPLICATED, CONFLICTING = 0.15, 0.08, 0.06, 0.01
WITHDRAWN, WITHDRAWN_FIRST, CORRECTED = 0.05, 0.01, 0.06
MISDATED = 0.03
IMPOSSIBLE_DAYS = (
    "9999-12-31",
    "2101-01-01",
    "2026-W50-1",
    "20261201",
    "0001-01-01",
    "2026-02-30",
    "9999-12",
)
# fate -> how often; those who belong to no unit neither retire nor are laid off
FATES = {
    "relocation": 26,
    "job_change": 18,
    "retirement": 12,
    "layoff": 10,
    "migrant_work": 10,
    "dispatch": 3,
    "platform_work": 4,
    "study_abroad": 4,
    "return_from_abroad": 2,
    "demobilisation": 4,
    "death": 4,
    "other": 5,
    "host_report": 9,
    "contact": 6,
    "walk_in": 6,
    "stranger": 4,
    "told_by_others": 10,
}


@dataclass
class Lives:
    """The lives of a city's members, day by day; ``homes`` is where each belongs at the moment,
    ``gone`` who left.
    """

    town: Town
    random: Random
    homes: Mapping[str, str]
    gone: set[str]
    number: int = 0
    days: dict[date, list[Callable[[date], Event | None]]] = field(default_factory=dict)

    def draw(self, start: date, days: int, moves: float) -> None:
        """Draws everybody's life for so many days from ``start``, with so many moves a year."""
        self._people = people(self.random, start)
        self._members = {m["member"]: m for m in self.town.members}
        fates, weights = list(FATES), list(FATES.values())
        for member in self._members:
            for _ in range(_moves(self.random, moves * days / 365)):
                fate = self.random.choices(fates, weights)[0]
                self._plan(
                    start + timedelta(days=self.random.randrange(days)), self._fate(fate, member)
                )
            first = self.random.randrange(DUES_EVERY_DAYS)
            for day in range(first, days, DUES_EVERY_DAYS):
                self._plan(start + timedelta(days=day), self._sign(member))
        closing = self.random.sample(self.town.firms, max(1, len(self.town.firms) // 8))
        for unit in closing:
            self._plan(start + timedelta(days=self.random.randrange(30, days)), self._closes(unit))
        for year in range(start.year, (start + timedelta(days=days)).year + 1):
            for school in self.town.schools:
                self._plan(date(year, 6, 18), self._graduates(school))

    def until(self, day: date) -> list[Event]:
        """What is posted until a day and was not yet, in order, faults of the senders included."""
        return [
            event
            for late in sorted(d for d in self.days if d <= day)
            for event in self._today(late)
        ]

    def _today(self, day: date) -> list[Event]:
        made = [event for plan in self.days.pop(day, ()) if (event := plan(day))]
        return [faulty for event in made for faulty in self._with_faults(event, day)]

    def _inside(self, unit: Unit) -> list[str]:
        """Who belongs to a unit now, in the order of the register."""
        inside = {unit.code, *unit.branches}
        return [m for m in self._members if self.homes.get(m) in inside and m not in self.gone]

    def _plan(self, day: date, plan: Callable[[date], Event | None]) -> None:
        self.days.setdefault(day, []).append(plan)

    def _sign(self, member: str) -> Callable[[date], Event | None]:
        def plan(day: date) -> Event | None:
            home = self.homes.get(member)
            if not home or member in self.gone or home == FAR_STREET or self.random.random() < 0.2:
                return None
            if self.random.random() < 0.3:
                return self._event(
                    "life.attended",
                    home,
                    day,
                    {"person": self._person(member), "on": day.isoformat()},
                )
            ahead = day + timedelta(days=self.random.choice((0, 31, 92, 120)))
            return self._event(
                "dues.paid",
                home,
                day,
                {"person": self._person(member), "paid_to": f"{ahead:%Y-%m}"},
            )

        return plan

    def _fate(self, fate: str, member: str) -> Callable[[date], Event | None]:
        def plan(day: date) -> Event | None:
            home = self.homes.get(member)
            if not home or home == FAR_STREET or member in self.gone:
                return None
            if fate == "walk_in":
                return self._walk_in(day)
            if fate == "stranger":
                return self._stranger(day, home)
            if fate == "told_by_others":
                return self._told_by_others(member, day)
            if fate == "contact":
                return self._event(
                    "contact.attempt",
                    home,
                    day,
                    {
                        "person": self._person(member),
                        "on": day.isoformat(),
                        "channel": "phone",
                        "reached": self.random.random() < 0.6,
                    },
                )
            if fate == "host_report":
                place = self.random.choice(self.town.places)
                return self._event(
                    "host.report",
                    place.code,
                    day,
                    {"person": self._person(member), "to": {"address": door(place, self.random)}},
                )
            if fate == "death":
                self.gone.add(member)
            return self._departure(fate, member, home, day)

        return plan

    def _told_by_others(self, member: str, day: date) -> Event:
        """What an organisation with nothing to say of the member says of them: without effect, and
        it learns nothing.
        """
        by = self.random.choice([*self.town.firms, *self.town.schools, *self.town.places]).code
        person = self._person(member) | {"phone": "13900000000"}
        if self.random.random() < 0.4:
            return self._event("life.attended", by, day, {"person": person, "on": day.isoformat()})
        place = self.random.choice(self.town.places)
        kind = self.random.choice(
            ("departure.effective", "labour_relation.ended", "retirement.scheduled")
        )
        return self._event(
            kind,
            by,
            day,
            {
                "category": "job_change",
                "effective_on": day.isoformat(),
                "person": person,
                "to": {"address": door(place, self.random), "organisation": by},
                "circumstances": {"unit_has_organisation": True},
            },
        )

    def _departure(self, fate: str, member: str, home: str, day: date) -> Event:
        place, firm = self.random.choice(self.town.places), self.random.choice(self.town.firms)
        possible = _CIRCUMSTANCES.get(fate, ({},))
        circumstances = dict(self.random.choice(possible))
        to: dict[str, Any] = {"address": door(place, self.random)}
        if fate in ("job_change", "dispatch", "platform_work") and circumstances.get(
            "unit_has_organisation"
        ):
            to["employer"] = firm.name
        if fate == "migrant_work" and self.random.random() < 0.5 or self.random.random() < 0.06:
            to = {"address": FAR_ADDRESS, "organisation": FAR_STREET}
        if self.random.random() < 0.12:
            to, circumstances = {}, {}
        kind = _KINDS.get(fate) or self.random.choice(("departure.planned", "departure.effective"))
        data = {
            "category": fate,
            "effective_on": (day + timedelta(days=self.random.randrange(-10, 30))).isoformat(),
            "person": self._person(member),
            "to": to,
            "circumstances": circumstances,
        }
        return self._event(kind, home, day, data)

    def _closes(self, unit: Unit) -> Callable[[date], Event | None]:
        def plan(day: date) -> Event | None:
            whole = self.random.random() < 0.5
            return self._group(
                unit,
                self._inside(unit),
                "labour_relation.ended",
                day,
                {"category": "layoff"},
                {"labour_relation": "ended", "handover": "collective" if whole else "dispersed"},
            )

        return plan

    def _graduates(self, school: Unit) -> Callable[[date], Event | None]:
        def plan(day: date) -> Event | None:
            leaving = [m for m in self._inside(school) if self.random.random() < GRADUATES]
            return self._group(school, leaving, "graduation.batch", day, {}, {})

        return plan

    def _group(
        self, unit: Unit, members: list[str], kind: str, day: date, common: Event, payload: Event
    ) -> Event | None:
        if not members:
            return None
        persons = []
        for member in members:
            place = self.random.choice(self.town.places)
            own = payload or self.random.choice(_CIRCUMSTANCES["graduation"])
            persons.append(
                {
                    "person": self._person(member),
                    "to": {"address": door(place, self.random)},
                    "circumstances": dict(own),
                }
            )
        return self._event(
            kind, unit.code, day, common | {"effective_on": day.isoformat(), "persons": persons}
        )

    def _walk_in(self, day: date) -> Event:
        someone, place = next(self._people), self.random.choice(self.town.places)
        return self._event(
            "host.report",
            place.code,
            day,
            {
                "person": {
                    "name": someone.name,
                    "id_number": someone.id_number,
                    "birth_date": someone.born.isoformat(),
                    "sex": someone.sex,
                },
                "to": {"address": door(place, self.random)},
                "from": {
                    "organisation": FAR_STREET,
                    "name": "示例外地单位",
                    "permit_no": f"流{self.number:05}",
                },
            },
        )

    def _stranger(self, day: date, home: str) -> Event:
        someone = next(self._people)
        return self._event(
            "departure.effective",
            home,
            day,
            {
                "category": "job_change",
                "effective_on": day.isoformat(),
                "person": {
                    "name": someone.name,
                    "id_number": someone.id_number,
                    "birth_date": someone.born.isoformat(),
                },
                "to": {"address": door(self.random.choice(self.town.places), self.random)},
                "circumstances": {},
            },
        )

    def _person(self, member: str) -> dict[str, str]:
        known = self._members[member]
        if self.random.random() < PARTIAL:
            return {
                key: known[key]
                for key in ("name", "birth_date", "sex", "phone")[: self.random.choice((2, 3, 4))]
            }
        return {key: known[key] for key in ("name", "id_number", "birth_date", "sex")}

    def _event(
        self, kind: str, by: str, day: date, data: Event, at: datetime | None = None
    ) -> Event:
        self.number += 1
        at = at or datetime.combine(day, time(8, self.random.randrange(60)), ZONE)
        if self.random.random() < LATE:
            at -= timedelta(days=self.random.randrange(1, 60))
        return {
            "specversion": "1.0",
            "type": f"guidui.{kind}.v1",
            "source": SOURCE_PREFIX + by,
            "id": f"e{self.number:07}",
            "time": at.isoformat(),
            "data": data,
        }

    def _with_faults(self, event: Event, day: date) -> list[Event]:
        chance, after = self.random.random, day + timedelta(days=self.random.randrange(1, 15))
        posted = [event]
        if chance() < MISDATED:
            posted.append(self._misdated(event))
        if "life" in event["type"] or "dues" in event["type"]:
            return posted * 2 if chance() < DUPLICATED else posted
        if chance() < DUPLICATED:
            self._plan(after, lambda _: event)
        if chance() < CONFLICTING:
            other = json.loads(json.dumps(event))
            other["data"]["effective_on"] = (day + timedelta(days=99)).isoformat()
            posted.append(other)
        if chance() < CORRECTED and "persons" not in event["data"]:
            self._plan(after, lambda on: self._corrected(event, on))
        if chance() < WITHDRAWN:
            self._plan(after, lambda on: self._withdrawn(event, on))
        elif chance() < WITHDRAWN_FIRST:
            return [self._withdrawn(event, day), *posted]
        return posted

    def _misdated(self, event: Event) -> Event:
        """The event once more, under an id of its own, with a day that no calendar or no law
        knows.
        """
        self.number += 1
        field_of_day = next(
            (name for name in ("paid_to", "on") if name in event["data"]), "effective_on"
        )
        data = {**event["data"], field_of_day: self.random.choice(IMPOSSIBLE_DAYS)}
        return {**event, "id": f"e{self.number:07}", "data": data}

    def _withdrawn(self, event: Event, day: date) -> Event:
        return self._event(
            "departure.withdrawn",
            event["source"].removeprefix(SOURCE_PREFIX),
            day,
            {"corrects": event["id"], "reason": "报错了"},
        )

    def _corrected(self, event: Event, day: date) -> Event:
        place = self.random.choice(self.town.places)
        data = event["data"] | {
            "corrects": event["id"],
            "to": {"address": door(place, self.random)},
        }
        kind = event["type"].removeprefix("guidui.").removesuffix(".v1")
        return self._event(kind, event["source"].removeprefix(SOURCE_PREFIX), day, data)


def _moves(random: Random, mean: float) -> int:
    """How often somebody moves: a draw with this mean."""
    count, left = 0, random.expovariate(1.0)
    while left < mean:
        count, left = count + 1, left + random.expovariate(1.0)
    return count


_KINDS = {
    "retirement": "retirement.scheduled",
    "layoff": "labour_relation.ended",
    "demobilisation": "demobilised.notice",
    "relocation": "residence.changed",
}
_CIRCUMSTANCES: dict[str, tuple[Event, ...]] = {
    "relocation": (
        {"unit_has_organisation": False},
        {"unit_has_organisation": False},
        {"unit_has_organisation": True},
        {"whole_unit": True},
        {"months": 2, "proof_needed": False},
        {"months": 5},
        {"place_fixed": False},
    ),
    "retirement": (
        {"retiree_branch": True, "lives_locally": True},
        {"retiree_branch": False},
        {"socialised": True},
        {"rehired_by": "same"},
        {"rehired_by": "other", "months": 12},
        {"lives_locally": False},
    ),
    "layoff": (
        {"labour_relation": "ended", "handover": "dispersed"},
        {"labour_relation": "kept"},
        {"labour_relation": "ended", "handover": "collective"},
    ),
    "graduation": (
        {"has_job": True, "unit_has_organisation": True},
        {"has_job": True, "unit_has_organisation": False},
        {"has_job": False, "archive_with": "street"},
        {"has_job": False, "archive_with": "school"},
        {"has_job": False, "archive_with": "talent_service"},
        {"further_study": True},
    ),
    "demobilisation": (
        {"has_job": True},
        {"has_job": False},
        {"has_job": False, "very_mobile": True},
    ),
    "job_change": (
        {"unit_has_organisation": True},
        {"unit_has_organisation": False},
        {"registered_elsewhere": True},
        {"unit_has_organisation": False, "archive_with": "talent_service"},
    ),
    "study_abroad": ({"years_abroad": 2}, {"settled_abroad": True}),
    "platform_work": ({}, {"unit_has_organisation": True}),
    "return_from_abroad": ({},),
    "migrant_work": (
        {"place_fixed": True, "months": 12},
        {"place_fixed": False},
        {"group_size": 5},
    ),
    "dispatch": ({"place_fixed": True, "unit_has_organisation": True}, {}),
}
