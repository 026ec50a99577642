"""The city before anything happens: its organisations, members and contacts as rows of
docs/data-formats.md.

Streets and communities are those of a real county, so that addresses lead somewhere; everybody and
every unit in it is made up. The same size and seed give the same rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from importlib.resources import files
from random import Random
from typing import Any

from services.tools.demo_people import Person, people

Table = list[dict[str, Any]]
CITY, COUNTY, NEXT_COUNTY = "620100010001", "620104010001", "620102010001"
NEXT_STREET, NEXT_COMMUNITY = "620102020100", "620102020101"
FAR_COUNTY, FAR_STREET = "610113010001", "610113020100"
TALENT, ARMY, ORGAN = "620104990100", "620104990200", "620104990300"
FAR_ADDRESS = "陕西省西安市雁塔区小寨路街道"
COMMUNITY_MEMBERS, FIRM_MEMBERS, SCHOOL_MEMBERS = 90, 250, 1_500
# how members are spread: communities, firms, school, organ, talent service, army
_SHARES = (
    ("community", 55),
    ("firm", 24),
    ("school", 10),
    ("organ", 6),
    ("talent", 3),
    ("army", 2),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A community: its organisation, its branches, and how an address in it is written."""

    code: str
    branches: tuple[str, ...]
    area: str
    address: str


@dataclass(frozen=True, slots=True)
class Unit:
    """A firm, school or other unit: its committee and its branches."""

    code: str
    name: str
    kind: str
    branches: tuple[str, ...]


@dataclass
class Town:
    """Rows to load, and the places and units that people move between."""

    organisations: Table = field(default_factory=list)
    members: Table = field(default_factory=list)
    contacts: Table = field(default_factory=list)
    letters: Table = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    firms: list[Unit] = field(default_factory=list)
    schools: list[Unit] = field(default_factory=list)
    others: dict[str, Unit] = field(default_factory=dict)

    @property
    def units(self) -> list[Unit]:
        """Every unit that employs or teaches."""
        return [*self.firms, *self.schools, *self.others.values()]


def town(members: int, random: Random, start: date) -> Town:
    """A city of so many members on the day before ``start``."""
    return _Builder(members, random, start).town()


class _Builder:
    def __init__(self, members: int, random: Random, start: date) -> None:
        self._size, self._random, self._start = members, random, start
        self._people: Iterator[Person] = people(random, start)
        self._town = Town()

    def town(self) -> Town:
        made = self._town
        self._organisation(
            CITY, "中共示例市委组织部", "organisation_department", "city", None, "6201", True, True
        )
        self._organisation(
            COUNTY,
            "中共西固区委组织部",
            "organisation_department",
            "county",
            CITY,
            "620104",
            True,
            True,
        )
        self._neighbours()
        self._streets(max(4, min(111, self._size * 55 // 100 // COMMUNITY_MEMBERS)))
        for number in range(max(3, self._size * 24 // 100 // FIRM_MEMBERS)):
            kind = ("enterprise_state", "enterprise_private")[number % 2]
            made.firms.append(
                self._unit(f"6201043{number:03}00", f"示例第{number + 1:03}号制造公司", kind, 3)
            )
        for number in range(max(1, self._size * 10 // 100 // SCHOOL_MEMBERS + 1)):
            made.schools.append(
                self._unit(f"6201045{number:03}00", f"示例第{number + 1}学院", "school", 4)
            )
        made.others = {
            "talent": self._unit(TALENT, "示例人才服务中心", "talent_service", 2),
            "army": self._unit(ARMY, "示例驻军", "military", 1),
            "organ": self._unit(ORGAN, "示例机关工作部门", "organ", 2),
        }
        for kind, share in _SHARES:
            for _ in range(max(1, self._size * share // 100)):
                self._member(kind)
        while len(made.members) < self._size:
            self._member("community")
        self._counterfoils()
        return made

    def _counterfoils(self) -> None:
        """Letters of the past that nobody answered."""
        for number, member in enumerate(
            self._random.sample(self._town.members, max(1, self._size // 40)), 1
        ):
            issued = self._start - timedelta(days=self._random.randrange(5, 500))
            self._town.letters.append(
                {
                    "number": f"旧{number:05}",
                    "member": member["member"],
                    "from": member["organisation"],
                    "to": self._random.choice(self._town.places).code,
                    "header": COUNTY,
                    "channel": "paper",
                    "issued_on": issued.isoformat(),
                    "validity_days": self._random.choice(("30", "60", "90")),
                    "dues_paid_to": f"{issued:%Y-%m}",
                }
            )

    def _neighbours(self) -> None:
        self._organisation(
            NEXT_COUNTY,
            "中共城关区委组织部",
            "organisation_department",
            "county",
            CITY,
            "620102",
            True,
            True,
        )
        self._organisation(
            NEXT_STREET,
            "中共城关区酒泉路街道工作委员会",
            "basic_committee",
            "street",
            NEXT_COUNTY,
            "620102001",
            True,
            True,
        )
        self._organisation(
            NEXT_COMMUNITY,
            "中共酒泉路街道示例社区总支部委员会",
            "general_branch",
            "community",
            NEXT_STREET,
            "620102001999",
            True,
        )
        self._organisation(
            FAR_COUNTY,
            "中共雁塔区委组织部",
            "organisation_department",
            "county",
            None,
            "610113",
            True,
            True,
            outside=True,
        )
        self._organisation(
            FAR_STREET,
            "中共雁塔区小寨路街道工作委员会",
            "basic_committee",
            "street",
            FAR_COUNTY,
            "610113001",
            True,
            True,
            outside=True,
        )

    def _streets(self, communities: int) -> None:
        county = json.loads(
            files("services.tools").joinpath("data/demo_county.json").read_text("utf-8")
        )
        streets = [s for s in county["streets"] if s["name"].endswith("街道")][
            : max(2, communities // 9)
        ]
        streets += [s for s in county["streets"] if s not in streets][
            : max(0, communities // 9 - len(streets))
        ]
        left = [
            (n, p, s, area, name)
            for n, s in enumerate(streets, 1)
            for p, (area, name) in enumerate(s["communities"].items(), 1)
        ]
        left.sort(key=lambda line: line[1])
        for number, place, street, area, name in sorted(
            left[:communities], key=lambda line: line[:2]
        ):
            above = f"62010402{number:02}00"
            if above not in {o["code"] for o in self._town.organisations}:
                self._organisation(
                    above,
                    f"中共西固区{street['name']}工作委员会",
                    "basic_committee",
                    "street",
                    COUNTY,
                    street["code"],
                    True,
                    True,
                )
            self._community(number, place, above, street["name"], area, name)

    def _community(
        self, street: int, place: int, above: str, street_name: str, area: str, name: str
    ) -> None:
        short = name.removesuffix("居民委员会").removesuffix("民委员会")
        code = f"62010402{street:02}{place:02}"
        self._organisation(
            code,
            f"中共{street_name}{short}总支部委员会",
            "general_branch",
            "community",
            above,
            area,
            True,
        )
        branches = tuple(f"6201041{n}{street:02}{place:02}" for n in (1, 2))
        for n, branch in enumerate(branches, 1):
            self._organisation(
                branch,
                f"中共{street_name}{short}第{n}支部委员会",
                "branch",
                "community",
                code,
                area,
            )
        self._town.places.append(
            Place(code, branches, area, f"甘肃省兰州市西固区{street_name}{short}")
        )

    def _unit(self, code: str, name: str, kind: str, branches: int) -> Unit:
        self._organisation(
            code, f"中共{name}委员会", "basic_committee", kind, COUNTY, "620104", False, True
        )
        below = tuple(f"{code[:-2]}{n:02}" for n in range(1, branches + 1))
        for n, branch in enumerate(below, 1):
            self._organisation(branch, f"中共{name}第{n}支部委员会", "branch", kind, code, "620104")
        return Unit(code, name, kind, below)

    def _organisation(  # noqa: PLR0913
        self,
        code: str,
        name: str,
        kind: str,
        unit: str,
        parent: str | None,
        area: str,
        serves: bool = False,
        authority: bool = False,
        outside: bool = False,
    ) -> None:
        self._town.organisations.append(
            {
                "code": code,
                "name": name,
                "kind": kind,
                "unit": unit,
                "parent": parent or "",
                "area": area,
                "serves_area": "yes" if serves else "",
                "authority": "yes" if authority else "",
                "outside": "yes" if outside else "",
                "effective_from": "2015-01-01",
            }
        )
        if not outside:
            self._town.contacts.append(
                contact(code, next(self._people).name, self._start - timedelta(days=400))
            )

    def _member(self, kind: str) -> None:
        number, place = len(self._town.members) + 1, self._random.choice(self._town.places)
        someone = (
            next(self._people) if kind != "school" else next(p for p in self._people if p.age < 30)
        )
        self._town.members.append(
            {
                "member": f"m{number:05}",
                "name": someone.name,
                "sex": someone.sex,
                "ethnicity": someone.ethnicity,
                "birth_date": someone.born.isoformat(),
                "id_number": someone.id_number,
                "phone": f"139{number:08}",
                "address": door(place, self._random),
                "status": "full",
                "standing": "normal",
                "joined_on": (someone.born + timedelta(days=366 * 19)).isoformat(),
                "organisation": self._branch(kind, place),
                "last_life_on": self._days_ago(5, 20, 47, 80, 130).isoformat(),
                "dues_paid_to": f"{self._days_ago(10, 40, 70):%Y-%m}",
            }
        )

    def _days_ago(self, *bounds: int) -> date:
        """A day before the start: one of some numbers of days."""
        return self._start - timedelta(days=self._random.choice(bounds))

    def _branch(self, kind: str, place: Place) -> str:
        made = self._town
        if kind == "community":
            return self._random.choice(place.branches)
        units = {"firm": made.firms, "school": made.schools}.get(kind) or [made.others[kind]]
        return self._random.choice(self._random.choice(units).branches)


def contact(organisation: str, name: str, since: date) -> dict[str, str]:
    """A secretary who is reached through the portal."""
    return {
        "organisation": organisation,
        "name": name,
        "post": "secretary",
        "channel": "portal",
        "from": since.isoformat(),
    }


def door(place: Place, random: Random) -> str:
    """An address in a community."""
    building, entrance = random.randrange(1, 31), random.randrange(1, 5)
    room = random.randrange(101, 1905)
    return f"{place.address}{building}号楼{entrance}单元{room}室"
