"""`guidui identify`: roster rows of a file to members of a file, no server needed (interface §5)."""

from __future__ import annotations

import csv
import gc
import io
import lzma
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from services.matcher.address_file import BadLine, dump, lines_of, memory_mb, parse
from services.matcher.identity import SIZE, Identification, Model
from services.registry.keys import member_keys, person_keys
from services.registry.names import fold_name
from services.registry.persons import MemberRecord, Person

KEY_MEMBERS_MAX = 500
"""As in the service: a key that more members share tells nobody apart."""
FIELDS = ("name", "id_number", "birth_date", "sex", "phone", "organisation", "address", "pinyin")
_COLUMNS = ("member", "name", "sex", "birth_date", "id_number", "phone", "address", "organisation")
_TYPES = {"id": (str, int), **dict.fromkeys(FIELDS, (str, int, float, type(None)))}


class Register:
    """The members of a file, found by their keys."""

    def __init__(self) -> None:
        self._members: list[tuple[str, ...]] = []
        self._by_key: dict[str, int | list[int]] = {}
        self.frequencies: dict[str, int] = {SIZE: 0}
        self.bad: list[str] = []

    def __len__(self) -> int:
        return len(self._members)

    @classmethod
    def read(cls, path: Path) -> Register:
        """Reads members.csv (interface §2), plain or `.xz`. ValueError where a needed column is missing."""
        register = cls()
        with _text(path) as handle:
            reader = csv.reader(handle)
            header = [name.strip() for name in next(reader, [])]
            missing = [name for name in ("member", "name") if name not in header]
            if missing:
                raise ValueError(f"{path} has no column {', '.join(missing)}")
            places = [header.index(name) if name in header else None for name in _COLUMNS]
            collecting = gc.isenabled()
            gc.disable()
            try:
                register._take(reader, places, path)
            finally:
                if collecting:
                    gc.enable()
        return register

    def _take(self, reader: Iterator[list[str]], places: list[int | None], path: Path) -> None:
        longest = max(place for place in places if place is not None)
        number = 1
        while True:
            number += 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                self.bad.append(f"{path}, row {number}: {error}")
                continue
            if not row:
                continue
            if len(row) <= longest or not row[places[0] or 0]:
                self.bad.append(f"{path}, row {number}: no reference, or too few columns")
                continue
            self.add(tuple("" if place is None else row[place] for place in places))

    def add(self, fields: tuple[str, ...]) -> None:
        """Takes one member: reference, name, sex, birth date, number, phone, address, organisation."""
        at = len(self._members)
        self._members.append(fields)
        by_key = self._by_key
        for key in member_keys(MemberRecord(*fields)):
            held = by_key.setdefault(key, at)
            if held is at:
                continue
            if isinstance(held, int):
                by_key[key] = [held, at]
            elif len(held) <= KEY_MEMBERS_MAX:
                held.append(at)
        name = fold_name(fields[1])
        self.frequencies[name] = self.frequencies.get(name, 0) + 1
        self.frequencies[SIZE] += 1

    def find(self, person: Person) -> list[MemberRecord]:
        """The members that share a key with the person, in the order of the file."""
        found: set[int] = set()
        for key in person_keys(person):
            held = self._by_key.get(key)
            if held is None:
                continue
            if isinstance(held, int):
                found.add(held)
            elif len(held) <= KEY_MEMBERS_MAX:
                found.update(held)
        return [MemberRecord(*self._members[at]) for at in sorted(found)]


def _text(path: Path) -> io.TextIOWrapper:
    raw = lzma.open(path) if path.suffix == ".xz" else path.open("rb")
    return io.TextIOWrapper(raw, "utf-8-sig", errors="replace", newline="")


def person_of(row: dict[str, Any]) -> Person:
    """A line's person; a number in a cell is taken as its digits."""
    return Person(**{field: _cell(row.get(field)) for field in FIELDS})


def _cell(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)


def to_json(answer: Identification) -> dict[str, Any]:
    """An answer as interface §5 writes it; the words in Chinese, with the English beside them."""
    return {
        "decision": answer.decision,
        "candidates": [
            {
                "member": one.member,
                "probability": one.probability,
                "reasons": [{"field": r.field, "level": r.level, "words": r.words.zh, "words_en": r.words.en}
                            for r in one.reasons],
            }
            for one in answer.candidates
        ],
        "model": answer.model,
    }
