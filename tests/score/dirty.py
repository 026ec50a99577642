"""Scores identity on rows as dirty as real lists: `python -m tests.score.dirty [ROWS] [SEED]`.

Rows are made by a generator over the register that the project carries: members and others, each
cell written in one of the ways that lists have (masked, truncated, scanned, annotated, copied from
a PDF, in pinyin, days of every kind). Measures are those of `tests.score.identity`; by way of
writing too.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from services.identity import han
from services.identity.file import Register
from services.identity.id_numbers import check_character, parse_id_number
from services.identity.names import fold_name, sound_of
from services.identity.persons import MemberRecord
from tests.score.identity import MEMBERS, answered, report

ROWS, SEED = 600, 20261130
MASKS = "*＊●×X"
_SCANNED = str.maketrans({"0": "O", "1": "l", "5": "S", "8": "B", "2": "Z"})
_RADICAL_OF = {plain: radical for radical, plain in han.radicals().items()}
_NOTES = (
    "（预备）",
    "*",
    "({sex})",
    "（{sex}，回族）",
    " 预备党员",
    "【流动】",
    "（曾用名：王小二）",
    "＊",
    " {sex}",
)


def masked(number: str, rng: random.Random) -> str:
    """110101********0112 in one of its ways."""
    mark = rng.choice(MASKS)
    shown, hidden = rng.choice(((6, 8), (6, 8), (3, 11), (10, 4), (4, 10)))
    return number[:shown] + mark * hidden + number[shown + hidden :]


def scanned(number: str, rng: random.Random) -> str:
    """One or two digits as a scanner reads them."""
    places = rng.sample([at for at, digit in enumerate(number[:17]) if digit in "01582"], 1)
    return "".join(c.translate(_SCANNED) if at in places else c for at, c in enumerate(number))


NUMBERS: dict[str, Callable[[str, random.Random], str]] = {
    "number_plain": lambda number, rng: number,
    "number_masked": masked,
    "number_end_masked": lambda number, rng: number[:14] + "****",
    "number_truncated": lambda number, rng: number[:15],
    "number_scanned": scanned,
    "number_full_width": lambda number, rng: "".join(chr(ord(c) + 0xFEE0) for c in number),
    "number_spaced": lambda number, rng: f"'{number[:6]} {number[6:14]} {number[14:]}",
    "number_military": lambda number, rng: "军字第01234567号",
    "number_none": lambda number, rng: rng.choice(("无", "", "同上", "E12345678")),
}
BIRTHS: dict[str, Callable[[str], str]] = {
    "birth_iso": lambda day: day,
    "birth_slash_time": lambda day: day.replace("-", "/") + " 0:00",
    "birth_serial": lambda day: str(_serial(day)),
    "birth_chinese": lambda day: _chinese(day),
    "birth_month": lambda day: day[:7].replace("-", "."),
    "birth_short": lambda day: day[2:].replace("-", "."),
    "birth_none": lambda day: "",
}


def _serial(day: str) -> int:
    return (date.fromisoformat(day) - date(1899, 12, 30)).days


def _chinese(day: str) -> str:
    year, month, of_month = day.split("-")
    spelt = "".join("〇一二三四五六七八九"[int(digit)] for digit in year)
    return f"{spelt}年{int(month)}月{int(of_month)}日"


def dirty_name(name: str, sex: str, rng: random.Random) -> tuple[str, str]:
    """A name in one of the ways of lists, and which."""
    way = rng.choice(("plain", "plain", "plain", "note", "note", "blank", "radical", "pinyin"))
    if way == "note":
        return name + rng.choice(_NOTES).format(sex=sex), "name_note"
    if way == "blank":
        return "　".join(name) if len(name) < 4 else name, "name_blank"
    if way == "radical":
        return "".join(_RADICAL_OF.get(c, c) for c in name), "name_radical"
    if way == "pinyin" and len(name) in (2, 3):
        return f"{sound_of(name[0])} {sound_of(name[1:])}".upper(), "name_pinyin"
    return name, "name_plain"


def rows(register: Register, count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Labelled rows: two of five members, the others persons whom the register does not hold."""
    rng = random.Random(seed)
    members = [
        m
        for m in register.all()
        if parse_id_number(m.id_number).valid and m.birth_date and len(fold_name(m.name)) < 5
    ]
    held = Counter(parse_id_number(m.id_number).text for m in register.all())
    names = Counter(fold_name(m.name) for m in register.all())
    for number in range(count):
        member = rng.choice(members)
        is_member = rng.random() < 0.4
        person = member if is_member else _somebody_else(member, rng, held)
        if person is None:
            continue
        yield _row(number, person, member if is_member else None, names, held, rng)


def _somebody_else(member: MemberRecord, rng: random.Random, held: Counter) -> MemberRecord | None:
    """A stranger of the same name, county and branch as a member, with another number and birth
    date.
    """
    year, month, day = rng.randrange(1950, 2004), rng.randrange(1, 13), rng.randrange(1, 29)
    seventeen = f"{member.id_number[:6]}{year}{month:02}{day:02}{rng.randrange(1, 1000):03}"
    number = seventeen + check_character(seventeen)
    if held[number] or member.birth_date == f"{year}-{month:02}-{day:02}":
        return None
    return MemberRecord(
        "",
        member.name,
        None,
        f"{year}-{month:02}-{day:02}",
        number,
        f"137{rng.randrange(10**8):08}",
        None,
        member.organisation,
    )


def _row(
    ident: int,
    person: MemberRecord,
    member: MemberRecord | None,
    names: Counter,
    held: Counter,
    rng: random.Random,
) -> dict[str, Any]:
    text = parse_id_number(person.id_number).text
    name, name_way = dirty_name(person.name, "男" if int(text[16]) % 2 else "女", rng)
    number_way, birth_way = rng.choice(list(NUMBERS)), rng.choice(list(BIRTHS))
    if number_way == "number_military" and member is not None:
        number_way = "number_none"
    row = {
        "id": str(ident),
        "name": name,
        "id_number": NUMBERS[number_way](text, rng),
        "birth_date": BIRTHS[birth_way](person.birth_date),
    }
    phone = person.phone or ""
    hidden = rng.random() < 0.5 and len(phone) == 11
    row["phone"] = f"{phone[:3]}****{phone[7:]}" if hidden else phone if rng.random() < 0.5 else ""
    if rng.random() < 0.6:
        row["organisation"] = person.organisation
    ways = [name_way, number_way, birth_way, *(["phone_masked"] if hidden else [])]
    row["gold"] = {
        "member": member.member if member else None,
        "also": None,
        "acceptable": _acceptable(row, ways, text, names, held, member),
        "labels": {"kind": "member" if member else "namesake", "channel": ways},
    }
    return row


def _acceptable(
    row: dict[str, Any],
    ways: list[str],
    text: str,
    names: Counter,
    held: Counter,
    member: MemberRecord | None,
) -> list[str]:
    """As the table of the identity data says, from what was given."""
    if member is None:
        return ["not_a_member", "review", "unknown"]
    if held[text] > 1:
        return ["review", "match"]
    told = "number_none" not in ways
    birth = "birth_none" not in ways
    more = row["phone"] or row.get("organisation")
    if (
        told
        or birth
        and ("birth_month" not in ways or row.get("organisation"))
        or (more and row["phone"])
    ):
        return ["match", "review"]
    return ["review", "unknown"]


def made(count: int = ROWS, seed: int = SEED) -> list[dict[str, Any]]:
    """The labelled rows."""
    return list(rows(Register.read(MEMBERS), count, seed))


def run(count: int = ROWS, seed: int = SEED) -> str:
    """The report on so many rows, in Markdown."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "dirty.jsonl"
        file.write_text(
            "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made(count, seed)),
            "utf-8",
        )
        return report(answered(MEMBERS, file))


def main() -> None:
    """Command line."""
    given = list(map(int, sys.argv[1:3]))
    print(run(*given))


if __name__ == "__main__":
    main()
