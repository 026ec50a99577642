"""A made-up county for the kill test: one enterprise that lets people go, communities that must
receive them.
"""

from __future__ import annotations

import csv
from pathlib import Path

DEPARTMENT, ENTERPRISE, BRANCH = "330602000001", "330602900001", "330602900002"
COMMUNITIES = tuple(f"3306021000{n:02d}" for n in range(1, 21))
SOURCE = f"urn:guidui:organisation:{ENTERPRISE}"
_WEIGHTS, _DIGITS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), "10X98765432"
ORGANISATION_COLUMNS = (
    "code",
    "name",
    "kind",
    "unit",
    "parent",
    "area",
    "serves_area",
    "authority",
    "address",
    "effective_from",
    "effective_to",
    "successor",
    "outside",
)
MEMBER_COLUMNS = (
    "member",
    "name",
    "sex",
    "ethnicity",
    "birth_date",
    "id_number",
    "phone",
    "address",
    "status",
    "standing",
    "joined_on",
    "organisation",
    "last_life_on",
    "dues_paid_to",
)


def id_number(n: int) -> str:
    """A valid number of member `n`: birth dates over 25 years, then the sequence (GB
    11643-1999).
    """
    day, sequence = n % 9_000, n // 9_000
    year, rest = 1960 + day // 336, day % 336
    body = f"330602{year}{rest // 28 + 1:02d}{rest % 28 + 1:02d}{sequence + 1:03d}"
    return body + _DIGITS[sum(int(d) * w for d, w in zip(body, _WEIGHTS, strict=True)) % 11]


def born(n: int) -> str:
    number = id_number(n)
    return f"{number[6:10]}-{number[10:12]}-{number[12:14]}"


def name(n: int) -> str:
    return "测" + "甲乙丙丁戊己庚辛壬癸"[n % 10] + "子丑寅卯辰巳午未申酉"[n // 10 % 10]


def write(folder: Path, members: int) -> tuple[Path, Path]:
    """organisations.csv and members.csv, as `guidui load` takes them."""
    organisations, people = folder / "organisations.csv", folder / "members.csv"
    rows = [
        (DEPARTMENT, "测试县委组织部", "organisation_department", "county", "", "no"),
        (ENTERPRISE, "测试机械厂党委", "basic_committee", "enterprise_private", DEPARTMENT, "no"),
        (BRANCH, "测试机械厂党支部", "branch", "enterprise_private", ENTERPRISE, "no"),
    ]
    rows += [
        (code, f"测试第{n}社区党委", "basic_committee", "community", DEPARTMENT, "no")
        for n, code in enumerate(COMMUNITIES, start=1)
    ]
    with organisations.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(ORGANISATION_COLUMNS)
        for code, title, kind, unit, parent, serves in rows:
            authority = "yes" if kind != "branch" else "no"
            table.writerow(
                (
                    code,
                    title,
                    kind,
                    unit,
                    parent,
                    "330602",
                    serves,
                    authority,
                    "",
                    "2020-01-01",
                    "",
                    "",
                    "no",
                )
            )
    with people.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(MEMBER_COLUMNS)
        for n in range(members):
            sex = "male" if int(id_number(n)[16]) % 2 else "female"
            table.writerow(
                (
                    f"m{n}",
                    name(n),
                    sex,
                    "汉族",
                    born(n),
                    id_number(n),
                    "",
                    "",
                    "full",
                    "normal",
                    "2005-07-01",
                    BRANCH,
                    "",
                    "",
                )
            )
    return organisations, people


def departure(n: int, time: str) -> dict:
    """The CloudEvent that member `n` was let go and goes to a stated community."""
    return {
        "specversion": "1.0",
        "type": "guidui.departure.effective.v1",
        "source": SOURCE,
        "id": f"chaos-{n}",
        "time": time,
        "datacontenttype": "application/json",
        "data": {
            "category": "layoff",
            "effective_on": time[:10],
            "person": {"name": name(n), "id_number": id_number(n), "birth_date": born(n)},
            "to": {"organisation": COMMUNITIES[n % len(COMMUNITIES)]},
            "circumstances": {
                "labour_relation": "ended",
                "handover": "dispersed",
                "place_fixed": True,
                "months": 24,
            },
        },
    }
