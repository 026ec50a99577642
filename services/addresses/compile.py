"""Division table (CSV) -> compiled snapshot: the one-time work behind `Gazetteer.open`.

A snapshot is a directory: `upper.marshal` (levels 1-4, forms, old names), `codes.bin` and `names.*`
(communities, read by mmap), `bases.txt` (every community's base and kind, street by street),
`old.*` (communities of earlier editions). Nothing in it is executable and nothing personal.
"""

from __future__ import annotations

import csv
import io
import marshal
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import marisa_trie

from services.addresses.forms import (
    FormKind,
    PastDivision,
    all_forms,
    prefixes,
    sounds,
    street_tables,
)
from services.addresses.names import Kind, clean, community_base, street_stem
from services.kit.packed import unpacked

LAYOUT = 5
"""Number of the snapshot's layout and of the forms in it; part of its version."""

COMMON_MIN = 5
PACKAGED_EDITION = 2023
"""The last edition of a division whose table does not say it."""
HEIRS_MAX = 3
"""A community whose name lives on in more places than this says nothing of where its street
went.
"""
SHED_MIN = 2
"""So many communities of a street must have gone to another before it is said to have lost them to
it.
"""
ELECTED_MAX = 4
ELECTED_SHARE_MIN = 0.2
"""A heir of a division has at least this share of the votes that the first heir has."""

_CODE_LENGTHS = frozenset((2, 4, 6, 9, 12))
_STREET_DIGITS, _COMMUNITY_DIGITS = 9, 12

Base = tuple[str, Kind]
"""What communities are compared by."""


def read_rows(path: Path) -> Iterator[dict[str, str]]:
    """Rows of a division CSV (UTF-8, BOM allowed, `.xz` allowed); ValueError names the line of a
    bad code.
    """
    with io.TextIOWrapper(unpacked(path), encoding="utf-8-sig", newline="") as text:
        for number, row in enumerate(csv.DictReader(text), 2):
            code, name = row.get("code") or "", row.get("name") or ""
            if not _is_code(code) or not name.strip():
                raise ValueError(
                    f"{path.name}, line {number}: not a division code and name: {code!r} {name!r}"
                )
            yield row


def _is_code(code: str) -> bool:
    return len(code) in _CODE_LENGTHS and code.isascii() and code.isdigit()


def compile_tables(divisions: Path, history: list[Path]) -> dict[str, bytes]:
    """File name -> content of the snapshot for one division table and any number of earlier
    ones.
    """
    table = {row["code"]: row["name"] for row in read_rows(divisions)}
    past = _past(table, history)
    upper = {code: name for code, name in table.items() if len(code) < _COMMUNITY_DIGITS}
    bases = _bases(table)
    votes = _votes(table, bases, past)
    moved = _elected(table, past, votes)
    forms = all_forms(upper, past, moved)
    rest = {
        "names": upper,
        "old_names": _old_names(upper, past),
        "moved": {old: ",".join(heirs) for old, heirs in moved.items()},
        "shed": _shed(votes),
        "common": _common(bases),
        "sounds": sounds(),
    }
    files = _communities(table, bases)
    files |= _old_communities(bases, past, _Moves(table, moved))
    files |= _trie("forms", forms)
    files |= _streets(upper, forms)
    files |= _trie("prefixes", prefixes(upper, past, moved))
    files["upper.marshal"] = marshal.dumps(rest)
    return files


def _past(table: dict[str, str], history: list[Path]) -> list[PastDivision]:
    """What the earlier tables have otherwise than today's."""
    past = []
    for path in history:
        for row in read_rows(path):
            code, name = row["code"], row["name"]
            if table.get(code) != name:
                edition = int(row.get("last_edition") or PACKAGED_EDITION)
                past.append(PastDivision(code, name, edition))
    return past


def _old_names(upper: dict[str, str], past: list[PastDivision]) -> dict[str, str]:
    """Code above the communities that no longer stands -> its last name."""
    names = {}
    for division in past:
        if len(division.code) < _COMMUNITY_DIGITS and division.code not in upper:
            names[division.code] = division.name
    return names


def _bases(table: dict[str, str]) -> dict[str, Base]:
    """Code of every community, in order -> its base and kind."""
    codes = sorted(code for code in table if len(code) == _COMMUNITY_DIGITS)
    return {code: community_base(_own_part(code, table)) for code in codes}


def _communities(table: dict[str, str], bases: dict[str, Base]) -> dict[str, bytes]:
    """Codes, names, bases and kinds of all communities, in the order of their codes."""
    names, ends = _joined(table[code] for code in bases)
    lines = [base for base, _ in bases.values()]
    kinds = [kind for _, kind in bases.values()]
    return {
        "codes.bin": _numbers(bases),
        "names.bin": names,
        "names.idx": ends,
        "bases.txt": _lines(lines),
        "kinds.txt": "".join(kinds).encode(),
    }


def _joined(texts: Iterable[str]) -> tuple[bytes, bytes]:
    """(all texts one behind another, where each begins and the last one ends)."""
    body, ends = bytearray(), array("I", [0])
    for text in texts:
        body += text.encode()
        ends.append(len(body))
    return bytes(body), ends.tobytes()


def _lines(texts: Iterable[str]) -> bytes:
    """Each text between two line ends, so that it is found whole."""
    return ("".join(f"\n{text}" for text in texts) + "\n").encode()


def _numbers(codes: Iterable[str]) -> bytes:
    return array("Q", map(int, codes)).tobytes()


def _trie(name: str, values: dict[str, str]) -> dict[str, bytes]:
    """A trie of the keys (mmap, shared by all processes) with the values in the order of its
    ids.
    """
    trie = marisa_trie.Trie(values)
    keys = sorted(values, key=trie.__getitem__)
    body, ends = _joined(values[key] for key in keys)
    return {f"{name}.marisa": trie.tobytes(), f"{name}.bin": body, f"{name}.idx": ends}


def _streets(upper: dict[str, str], forms: dict[str, str]) -> dict[str, bytes]:
    """Per county marshalled (strong, weak, old): form -> street code, form -> codes, old name ->
    codes.
    """
    old = _old_street_names(forms)
    streets: dict[str, dict[str, str]] = defaultdict(dict)
    for code in sorted(upper):
        if len(code) == _STREET_DIGITS:
            streets[code[:6]][code] = clean(upper[code])
    body, spans = bytearray(), {}
    for county, names in streets.items():
        strong, weak = street_tables(names, clean(upper.get(county, "-")))
        earlier = {form: tuple(codes) for form, codes in old[county].items()}
        start = len(body)
        body += marshal.dumps((strong, weak, earlier))
        spans[county] = (start, len(body))
    return {"streets.bin": bytes(body), "streets.marshal": marshal.dumps(spans)}


def _old_street_names(forms: dict[str, str]) -> dict[str, dict[str, list[str]]]:
    """County -> earlier name of a street -> codes of the streets that it may mean today."""
    names: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for form, entry in forms.items():
        for meaning in entry.split(","):
            kind, code = meaning[0], meaning[1:]
            if kind == FormKind.OLD and len(code) == _STREET_DIGITS:
                names[code[:6]][form].append(code)
    return names


def _own_part(code: str, table: dict[str, str]) -> str:
    """A community's name without the street (and what is above it) that some offices write before
    it.
    """
    name, street = clean(table[code]), clean(table.get(code[:_STREET_DIGITS], ""))
    if len(street) < 3 or street not in name:
        return name
    start = name.find(street)
    above, own = name[:start], name[start + len(street) :]
    official_above = "".join(clean(table.get(code[:digits], "")) for digits in (2, 4, 6))
    base, _ = community_base(own)
    if official_above.endswith(above) and len(base) >= 2:
        return own
    return name


def _votes(
    table: dict[str, str], bases: dict[str, Base], past: list[PastDivision]
) -> dict[str, Counter[str]]:
    """Old street or county code -> today's codes with the number of its communities that are found
    there today.
    """
    today: dict[Base, list[str]] = defaultdict(list)
    for code, base in bases.items():
        today[base].append(code)
    stems = _StreetStems(table, past)
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for division in past:
        code = division.code
        if len(code) != _COMMUNITY_DIGITS:
            continue
        namesakes = today.get(community_base(clean(division.name)), [])
        heirs = _nearest(code, namesakes, stems)
        if len(heirs) > HEIRS_MAX:
            continue
        for heir in heirs:
            votes[code[:9]][heir[:9]] += 1
            votes[code[:6]][heir[:6]] += 1
    return votes


class _StreetStems:
    """Stems of the names that streets have and had."""

    def __init__(self, table: dict[str, str], past: list[PastDivision]) -> None:
        self.today = {
            code: _stem(name) for code, name in table.items() if len(code) == _STREET_DIGITS
        }
        self.ever: dict[str, set[str]] = defaultdict(set)
        for division in past:
            if len(division.code) == _STREET_DIGITS:
                self.ever[division.code].add(_stem(division.name))
        for code, stem in self.today.items():
            self.ever[code].add(stem)


def _stem(street_name: str) -> str:
    stem, _ = street_stem(clean(street_name))
    return stem


def _nearest(code: str, namesakes: list[str], stems: _StreetStems) -> list[str]:
    """The communities that a community of an earlier edition may be today: those of its name in its
    county, else in its city, else in its province in a street that is called like its own.
    """
    for digits in (6, 4):
        near = [other for other in namesakes if other[:digits] == code[:digits]]
        if near:
            return near
    own_stems = stems.ever.get(code[:9], {""})
    in_province = [other for other in namesakes if other[:2] == code[:2]]
    return [other for other in in_province if stems.today[other[:9]] in own_stems]


def _shed(votes: dict[str, Counter[str]]) -> dict[str, str]:
    """Street code -> the other streets of the county that took some of its communities, whether or
    not it still stands.
    """
    shed = {}
    for code, counts in votes.items():
        if len(code) != _STREET_DIGITS:
            continue
        takers = [taker for taker, count in counts.items() if count >= SHED_MIN and taker != code]
        in_county = [taker for taker in takers if taker[:6] == code[:6]]
        if in_county:
            shed[code] = ",".join(in_county)
    return shed


def _elected(
    table: dict[str, str], past: list[PastDivision], votes: dict[str, Counter[str]]
) -> dict[str, list[str]]:
    """Old code above the communities -> today's codes, by where its communities are found today.

    One that still stands under another name is its own first heir; others only if they took its
    name.
    """
    moved: dict[str, list[str]] = {}
    for division in past:
        code = division.code
        if len(code) not in (4, 6, 9):
            continue
        heirs = _first_by_votes(votes.get(code, Counter()))
        if code in table:
            name = clean(division.name)
            others = [heir for heir in heirs if heir != code and _stem(table[heir]) in name]
            heirs = [code, *others]
        if heirs:
            moved[code] = list(dict.fromkeys(heirs + moved.get(code, [])))
    return moved


def _first_by_votes(counts: Counter[str]) -> list[str]:
    """The codes with most votes, best first."""
    floor = max(counts.values(), default=0) * ELECTED_SHARE_MIN
    return [code for code, count in counts.most_common(ELECTED_MAX) if count >= floor]


def _common(bases: dict[str, Base]) -> frozenset[str]:
    """Base and kind of communities of which the country has more than COMMON_MIN: a namesake proves
    little.
    """
    counts = Counter(bases.values())
    return frozenset(base + kind for (base, kind), count in counts.items() if count > COMMON_MIN)


@dataclass(frozen=True, slots=True)
class _Moves:
    """Where the areas of earlier divisions lie today: `heirs_of`: old code -> today's codes."""

    table: dict[str, str]
    heirs_of: dict[str, list[str]]

    def streets(self, code: str) -> list[str]:
        """Today's streets in the area of the street that listed a community."""
        street = code[:9]
        if street in self.heirs_of:
            return self.heirs_of[street]
        return [street] if street in self.table else []

    def counties(self, code: str) -> set[str]:
        """Today's counties in the area of the street that listed a community, else of its
        county.
        """
        counties = {street[:6] for street in self.streets(code)}
        if counties:
            return counties
        return set(self.heirs_of.get(code[:6], [code[:6]]))


def _old_communities(
    bases: dict[str, Base], past: list[PastDivision], moves: _Moves
) -> dict[str, bytes]:
    """Communities of earlier editions: their bases, and those that their street does not list today
    grouped by today's county.
    """
    old = [division for division in past if len(division.code) == _COMMUNITY_DIGITS]
    old_bases = {division.code: community_base(clean(division.name)) for division in old}
    lines = _lines_of_left(old, bases, moves)
    body, spans = bytearray(), {}
    for county in sorted(lines):
        start = len(body)
        body += _lines(sorted(lines[county]))
        spans[county] = (start, len(body))
    codes = sorted(old_bases)
    return {
        "old.txt": bytes(body),
        "old.marshal": marshal.dumps(spans),
        "old_codes.bin": _numbers(codes),
        "old_bases.txt": "\n".join("".join(old_bases[code]) for code in codes).encode(),
    }


def _lines_of_left(
    old: list[PastDivision], bases: dict[str, Base], moves: _Moves
) -> dict[str, set[str]]:
    """Today's county -> a line for each community of an earlier edition that its street does not
    list today.
    """
    listed: dict[str, set[Base]] = defaultdict(set)
    for code, base in bases.items():
        listed[code[:9]].add(base)
    lines: dict[str, set[str]] = defaultdict(set)
    for code, name, last_edition in old:
        base, kind = community_base(clean(name))
        if any((base, kind) in listed[street] for street in moves.streets(code)):
            continue
        for county in moves.counties(code):
            lines[county].add(f"{base}{kind}\t{code}\t{last_edition}")
    return lines
