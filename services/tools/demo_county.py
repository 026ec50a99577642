"""A county to look at: the real streets and communities of one county, with made-up units, members
and contacts.

Nobody in it exists. Names are drawn at random, units carry 示例 ("example") in their name, phones
lie in 139 0000 xxxx and 138 0000 xxxx, e-mail ends in example.org. ID numbers have a valid check
character, so that they can be matched; one that is also a real person's is chance. The same seed
and day give the same world.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from importlib.resources import files
from random import Random
from typing import Any

from sqlalchemy import Engine

from services.kit.clock import Clock
from services.registry.load import Say, load_rows
from services.tools.demo_people import Person, people

Table = list[dict[str, Any]]

CITY_DEPARTMENT = "620100010001"
COUNTY_DEPARTMENT = "620104010001"
DAY = date(2026, 11, 1)
MEMBERS_PER_COMMUNITY_BRANCH = range(5, 10)
_OUTSIDE = (
    (
        "610113010001",
        "中共陕西省西安市雁塔区委组织部",
        "organisation_department",
        "county",
        None,
        "610113",
    ),
    (
        "610113020100",
        "中共陕西省西安市雁塔区小寨路街道工作委员会",
        "basic_committee",
        "street",
        "610113010001",
        "610113001",
    ),
)

# code of the committee, name, unit, branches, members in each
_UNITS = (
    (
        "示例石化机械集团有限公司",
        "enterprise_state",
        ("机关", "一车间", "二车间", "动力车间", "检修中心", "离退休第一", "离退休第二"),
        40,
    ),
    (
        "示例铝业有限责任公司",
        "enterprise_state",
        ("机关", "电解车间", "铸造车间", "运输部", "离退休"),
        38,
    ),
    ("示例建筑安装工程有限公司", "enterprise_state", ("机关", "第一项目部", "第二项目部"), 30),
    ("示例新材料科技有限公司", "enterprise_private", ("综合", "研发"), 16),
    ("示例物流有限公司", "enterprise_private", ("第一", "第二"), 15),
    ("示例食品有限公司", "enterprise_private", ("第一",), 14),
    (
        "示例职业技术学院",
        "school",
        ("教工第一", "教工第二", "机电系学生", "化工系学生", "经管系学生"),
        36,
    ),
    ("示例人民医院", "institution", ("内科", "外科", "医技", "离退休"), 28),
    ("示例水务事务中心", "institution", ("第一", "第二"), 18),
    ("示例机关工作部门", "organ", ("第一", "第二", "老干部"), 26),
    ("示例人才服务中心", "talent_service", ("流动党员第一", "流动党员第二"), 45),
    ("示例产业园区", "park", ("楼宇第一", "楼宇第二"), 12),
    ("示例网约配送行业协会", "social_organisation", ("骑手",), 11),
)
_OF_THE_DISTRICT = ("institution", "organ", "talent_service")


@dataclass
class DemoCounty:
    """Rows with the columns of docs/data-formats.md."""

    organisations: Table = field(default_factory=list)
    members: Table = field(default_factory=list)
    contacts: Table = field(default_factory=list)
    grids: Table = field(default_factory=list)


def demo_county(seed: int = 1, today: date = DAY) -> DemoCounty:
    """The county with about 3,000 members, 330 organisations, their contacts and the communities'
    grids.
    """
    return _Builder(seed, today).county()


def load_demo(engine: Engine, clock: Clock, seed: int = 1, say: Say | None = None) -> DemoCounty:
    """Load the demo county into the register; loading it again on the same day changes nothing."""
    county = demo_county(seed, clock.now().date())
    for kind in ("organisations", "members", "contacts", "grids"):
        load_rows(engine, kind, getattr(county, kind), clock, say=say)
    return county


class _Builder:
    def __init__(self, seed: int, today: date) -> None:
        self._random = Random(seed)
        self._today = today
        data = files("services.tools").joinpath("data/demo_county.json")
        self._county = json.loads(data.read_text("utf-8"))
        self._people: Iterator[Person] = people(self._random, today)
        self._homes = [
            (street["name"], _short(name))
            for street in self._county["streets"]
            for name in street["communities"].values()
        ]
        self._world = DemoCounty()

    def county(self) -> DemoCounty:
        city, county = self._county["city"]["name"], self._county["county"]["name"]
        self._organisation(
            CITY_DEPARTMENT,
            f"中共{city}委组织部",
            "organisation_department",
            "city",
            None,
            "6201",
            serves=True,
            authority=True,
        )
        self._organisation(
            COUNTY_DEPARTMENT,
            f"中共{city}{county}委组织部",
            "organisation_department",
            "county",
            CITY_DEPARTMENT,
            "620104",
            serves=True,
            authority=True,
        )
        for number, street in enumerate(self._county["streets"], 1):
            self._street(number, street)
        for number, unit in enumerate(_UNITS, 1):
            self._unit(number, *unit)
        for code, name, kind, unit, parent, area in _OUTSIDE:
            self._organisation(
                code, name, kind, unit, parent, area, serves=True, authority=True, outside=True
            )
        return self._world

    def _street(self, number: int, street: dict[str, Any]) -> None:
        town = not street["name"].endswith("街道")
        code = f"62010402{number:02}00"
        title = f"中共兰州市西固区{street['name']}"
        self._organisation(
            code,
            title + ("委员会" if town else "工作委员会"),
            "basic_committee",
            "township" if town else "street",
            COUNTY_DEPARTMENT,
            street["code"],
            serves=True,
            authority=True,
        )
        for place, (area, name) in enumerate(street["communities"].items(), 1):
            self._community(
                f"62010402{number:02}{place:02}", code, title, street["name"], area, _short(name)
            )

    def _community(
        self, code: str, above: str, title: str, street: str, area: str, name: str
    ) -> None:
        unit = "village" if name.endswith("村") else "community"
        self._organisation(
            code, f"{title}{name}总支部委员会", "general_branch", unit, above, area, serves=True
        )
        for branch in range(1, self._random.choice((2, 2, 3)) + 1):
            below = f"6201041{branch}{code[8:]}"
            self._organisation(
                below,
                f"{title}{name}第{'一二三'[branch - 1]}支部委员会",
                "branch",
                unit,
                code,
                area,
            )
            for _ in range(self._random.choice(MEMBERS_PER_COMMUNITY_BRANCH)):
                self._member(below, next(self._people), (street, name))
        for part in (0, 1):
            self._world.grids.append(
                {
                    "grid": f"{area}-{part + 1}",
                    "community": area,
                    "name": f"{name}第{'一二'[part]}网格",
                    "contact": next(self._people).name,
                    "phone": self._phone("138"),
                    "addresses": ";".join(
                        f"{name}{app}{'组' if unit == 'village' else '号楼'}"
                        for app in range(1 + part * 15, 16 + part * 15)
                    ),
                }
            )

    def _unit(
        self, number: int, name: str, unit: str, branches: tuple[str, ...], size: int
    ) -> None:
        code = f"62010403{number:02}00"
        title = ("中共兰州市西固区" if unit in _OF_THE_DISTRICT else "中共兰州") + name
        self._organisation(
            code,
            title + "委员会",
            "basic_committee",
            unit,
            COUNTY_DEPARTMENT,
            "620104",
            authority=True,
        )
        for place, branch in enumerate(branches, 1):
            below = f"62010403{number:02}{place:02}"
            self._organisation(below, f"{title}{branch}支部委员会", "branch", unit, code, "620104")
            for _ in range(size + self._random.randrange(-4, 5)):
                self._member(below, self._person(branch), self._random.choice(self._homes))

    def _person(self, branch: str) -> Person:
        low, high = (19, 25) if "学生" in branch else (24, 59)
        if "离退休" in branch or "老干部" in branch:
            low, high = 60, 85
        return next(person for person in self._people if low <= person.age <= high)

    def _organisation(  # noqa: PLR0913
        self,
        code: str,
        name: str,
        kind: str,
        unit: str,
        parent: str | None,
        area: str,
        *,
        serves: bool = False,
        authority: bool = False,
        outside: bool = False,
    ) -> None:
        self._world.organisations.append(
            {
                "code": code,
                "name": name,
                "kind": kind,
                "unit": unit,
                "parent": parent,
                "area": area,
                "serves_area": "yes" if serves else "no",
                "authority": "yes" if authority else "no",
                "effective_from": "2015-01-01",
                "outside": "yes" if outside else "no",
            }
        )
        self._contact(code, "secretary", "portal")
        if kind != "branch":
            self._contact(code, "clerk", "email")

    def _contact(self, code: str, post: str, channel: str) -> None:
        self._world.contacts.append(
            {
                "organisation": code,
                "name": next(self._people).name,
                "post": post,
                "phone": self._phone("138"),
                "email": f"{post}.{code}@example.org",
                "channel": channel,
                "from": "2024-01-01",
            }
        )

    def _phone(self, range_: str) -> str:
        return f"{range_}0000{self._random.randrange(10_000):04}"

    def _member(self, organisation: str, person: Person, home: tuple[str, str]) -> None:
        number = len(self._world.members) + 1
        probationary = person.age < 40 and self._random.random() < 0.06
        since = (
            self._random.randrange(30, 360) if probationary else self._random.randrange(400, 15_000)
        )
        of_age = person.born + timedelta(days=366 * 19)
        last_month = self._today.replace(day=1) - timedelta(days=self._random.choice((1, 1, 1, 32)))
        last_life = self._today - timedelta(days=self._random.choice((5, 12, 20, 33, 47, 62, 95)))
        self._world.members.append(
            {
                "member": f"demo{number:05}",
                "name": person.name,
                "sex": person.sex,
                "ethnicity": person.ethnicity,
                "birth_date": person.born.isoformat(),
                "id_number": person.id_number,
                "phone": f"1390000{number:04}",
                "address": self._address(*home),
                "status": "probationary" if probationary else "full",
                "standing": "normal",
                "joined_on": max(of_age, self._today - timedelta(days=since)).isoformat(),
                "organisation": organisation,
                "last_life_on": last_life.isoformat(),
                "dues_paid_to": last_month.strftime("%Y-%m"),
            }
        )

    def _address(self, street: str, community: str) -> str:
        pick = self._random.randrange
        app = pick(1, 31)
        if community.endswith("村"):
            door = f"{app}组{pick(1, 90)}号"
        else:
            door = f"{app}号楼{pick(1, 5)}单元{pick(1, 19)}0{pick(1, 5)}室"
        return f"甘肃省兰州市西固区{street}{community}{door}"


def _short(name: str) -> str:
    """西固中路社区居民委员会 -> 西固中路社区; 范坪村民委员会 -> 范坪村."""
    return name.removesuffix("居民委员会").removesuffix("民委员会")
