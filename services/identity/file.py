"""`guidui identify`: roster rows of a file to members of a file, no server needed (interface
§5).
"""

from __future__ import annotations

import csv
import gc
import io
import lzma
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from services.addresses.file import BadLine, dump, lines_of, memory_mb, parse
from services.identity.keys import member_keys, person_keys
from services.identity.model import SIZE, Identification, Model
from services.identity.names import fold_name
from services.identity.organisations import Organisations
from services.identity.persons import MemberRecord, Person
from services.kit.packed import unpacked

KEY_MEMBERS_MAX = 500
"""As in the service: a key that more members share tells nobody apart."""
FIELDS = (
    "name",
    "id_number",
    "birth_date",
    "sex",
    "phone",
    "organisation",
    "address",
    "pinyin",
    "military_card",
)
_COLUMNS = ("member", "name", "sex", "birth_date", "id_number", "phone", "address", "organisation")
_CARD = "military_card"  # where a register has none, its members take no more room for it
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
        """Reads members.csv (interface §2), plain or `.xz`. ValueError where a needed column is
        missing.
        """
        register = cls()
        with _text(path) as handle:
            reader = csv.reader(handle)
            header = [name.strip() for name in next(reader, [])]
            missing = [name for name in ("member", "name") if name not in header]
            if missing:
                raise ValueError(f"{path} has no column {', '.join(missing)}")
            places = [header.index(name) if name in header else None for name in _COLUMNS]
            if _CARD in header:
                places += [None, None, header.index(_CARD)]
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
        """Takes one member: reference, name, sex, birth date, number, phone, address, organisation;
        further, as in MemberRecord, the organisation's name, the standing and the military card.
        """
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

    def all(self) -> Iterator[MemberRecord]:
        """Every member, in the order of the file."""
        return (MemberRecord(*fields) for fields in self._members)

    def find(
        self, person: Person, keys_of: Callable[[Person], frozenset[str]] = person_keys
    ) -> list[MemberRecord]:
        """The members that share a key with the person, in the order of the file."""
        indexes: set[int] = set()
        for key in keys_of(person):
            held = self._by_key.get(key)
            if held is None:
                continue
            if isinstance(held, int):
                indexes.add(held)
            elif len(held) <= KEY_MEMBERS_MAX:
                indexes.update(held)
        return [MemberRecord(*self._members[at]) for at in sorted(indexes)]


def identify_files(
    members: Path | str,
    inp: Path | str,
    out: Path | str,
    *,
    organisations: Path | str | None = None,
    prior: float | None = None,
    stderr: TextIO | None = None,
) -> int:
    """Identifies every line of `inp` into `out`, same order; exit code 0, 1 (bad lines named) or 2
    (bad usage).

    `organisations`: the list that tells names and old codes (organisations.csv); by default the one
    beside `members`, if there is any. `prior`: the share of rows that are members. `out` appears
    whole or not at all. Rate and memory go to `stderr`.
    """
    messages = stderr or sys.stderr
    members, inp, out = Path(members), Path(inp), Path(out)
    listed = Path(organisations) if organisations else _beside(members)
    wrong = _usage(members, inp, out, listed, prior)
    if wrong:
        print(f"guidui identify: {wrong}", file=messages)
        return 2
    begun = time.perf_counter()
    try:
        register = Register.read(members)
        known = Organisations.read(listed) if listed else Organisations()
        model = Model.load(prior=prior)
    except (ValueError, lzma.LZMAError, OSError) as error:
        print(f"guidui identify: {error}", file=messages)
        return 2
    indexed = time.perf_counter()
    for fault in register.bad:
        print(fault, file=messages)
    # the register stays; walking through it again and again would cost a third of the time
    gc.freeze()
    try:
        done, bad = _identified(register, known, model, inp, out, messages)
    finally:
        gc.unfreeze()
    spent = max(time.perf_counter() - indexed, 1e-9)
    print(
        f"{done} rows in {spent:.2f} s ({done / spent:,.0f}/s); {len(register)} members indexed in "
        f"{indexed - begun:.2f} s; organisations "
        f"{'from ' + str(listed) if listed else 'by code only'}; "
        f"model {model.version}, prior {model.prior}; memory {memory_mb():.0f} MB",
        file=messages,
    )
    bad += len(register.bad)
    if bad:
        print(f"{bad} bad lines, named above; all others were taken", file=messages)
    return 1 if bad else 0


def _beside(members: Path) -> Path | None:
    names = ("organisations.csv", "organisations.csv.xz")
    return next((path for name in names if (path := members.with_name(name)).is_file()), None)


def _usage(
    members: Path, inp: Path, out: Path, listed: Path | None, prior: float | None
) -> str | None:
    for path in (members, inp, listed):
        if path is not None and not path.is_file():
            return f"no such file: {path}"
    if not out.parent.is_dir():
        return f"no such directory: {out.parent}"
    if prior is not None and not 0 < prior < 1:
        return f"the prior {prior} is not between 0 and 1"
    return None


def _identified(
    register: Register, known: Organisations, model: Model, inp: Path, out: Path, messages: TextIO
) -> tuple[int, int]:
    done = bad = 0
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as handle:
            for number, line in lines_of(inp):
                try:
                    row = parse(line, _TYPES)
                except BadLine as error:
                    bad += 1
                    print(f"{inp}, line {number}: {error}", file=messages)
                    continue
                person = person_of(row, known)
                answer = model.judge(person, register.find(person), register.frequencies)
                handle.write(dump({"id": row["id"], **to_json(answer)}) + b"\n")
                done += 1
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)
    return done, bad


def _text(path: Path) -> io.TextIOWrapper:
    return io.TextIOWrapper(unpacked(path), "utf-8-sig", errors="replace", newline="")


def person_of(row: dict[str, Any], known: Organisations | None = None) -> Person:
    """A line's person; a number in a cell is taken as its digits, an organisation as the code it is
    known by.
    """
    cells: dict[str, Any] = {field: _cell(row.get(field)) for field in FIELDS}
    person = Person(**cells)
    if known is not None:
        person.organisation = known.code_of(person.organisation)
    return person


def _cell(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)


def to_json(answer: Identification) -> dict[str, Any]:
    """An answer as interface §5 writes it; the words in Chinese, with the English beside them."""
    return {
        "decision": answer.decision,
        "candidates": [
            {
                "member": candidate.member,
                "probability": candidate.probability,
                "reasons": [
                    {
                        "field": r.field,
                        "level": r.level,
                        "words": r.words.zh,
                        "words_en": r.words.en,
                    }
                    for r in candidate.reasons
                ],
            }
            for candidate in answer.candidates
        ],
        "model": answer.model,
    }
