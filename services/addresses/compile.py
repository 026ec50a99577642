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
from collections.abc import Iterator
from pathlib import Path

import marisa_trie

from services.addresses.forms import all_forms, prefixes, sounds, street_tables
from services.addresses.names import Kind, clean, community_base, street_stem
from services.kit.packed import unpacked

LAYOUT = 5
"""Number of the snapshot's layout and of the forms in it; part of its version."""

COMMON_MIN = 5

_LENGTHS = {2: 1, 4: 2, 6: 3, 9: 4, 12: 5}


def read_rows(path: Path) -> Iterator[dict[str, str]]:
    """Rows of a division CSV (UTF-8, BOM allowed, `.xz` allowed); ValueError names the line of a
    bad code.
    """
    with io.TextIOWrapper(unpacked(path), encoding="utf-8-sig", newline="") as text:
        for number, row in enumerate(csv.DictReader(text), 2):
            code, name = row.get("code") or "", row.get("name") or ""
            if (
                len(code) not in _LENGTHS
                or not (code.isascii() and code.isdigit())
                or not name.strip()
            ):
                raise ValueError(
                    f"{path.name}, line {number}: not a division code and name: {code!r} {name!r}"
                )
            yield row


def compile_tables(divisions: Path, history: list[Path]) -> dict[str, bytes]:
    """File name -> content of the snapshot for one division table and any number of earlier
    ones.
    """
    table = {row["code"]: row["name"] for row in read_rows(divisions)}
    past = [
        (row["code"], row["name"], int(row.get("last_edition") or 2023))
        for path in history
        for row in read_rows(path)
        if table.get(row["code"]) != row["name"]
    ]
    upper = {code: name for code, name in table.items() if len(code) < 12}
    files, bases = _communities(table)
    moved, shed = _moves(table, bases, past)
    files |= _old_communities(table, bases, past, moved)
    forms = all_forms(upper, past, moved)
    files |= _trie("forms", forms) | _streets(upper, forms)
    files |= _trie("prefixes", prefixes(upper, past, moved))
    files["upper.marshal"] = marshal.dumps(
        {
            "names": upper,
            "old_names": {
                code: name for code, name, _ in past if len(code) < 12 and code not in upper
            },
            "moved": {old: ",".join(new) for old, new in moved.items()},
            "shed": shed,
            "common": _common(bases),
            "sounds": sounds(),
        }
    )
    return files


def _communities(table: dict[str, str]) -> tuple[dict[str, bytes], dict[str, tuple[str, Kind]]]:
    codes = sorted(code for code in table if len(code) == 12)
    bases = {code: community_base(_own_part(code, table)) for code in codes}
    names, offsets = bytearray(), array("I", [0])
    for code in codes:
        names += table[code].encode()
        offsets.append(len(names))
    lines = "".join(f"\n{bases[c][0]}" for c in codes) + "\n"
    return {
        "codes.bin": array("Q", map(int, codes)).tobytes(),
        "names.bin": bytes(names),
        "names.idx": offsets.tobytes(),
        "bases.txt": lines.encode(),
        "kinds.txt": "".join(bases[c][1] for c in codes).encode(),
    }, bases


def _trie(name: str, values: dict[str, str]) -> dict[str, bytes]:
    """A trie of the keys (mmap, shared by all processes) with the values in the order of its
    ids.
    """
    trie = marisa_trie.Trie(values)
    order = sorted(values, key=trie.__getitem__)
    body, offsets = bytearray(), array("I", [0])
    for text in order:
        body += values[text].encode()
        offsets.append(len(body))
    return {
        f"{name}.marisa": trie.tobytes(),
        f"{name}.bin": bytes(body),
        f"{name}.idx": offsets.tobytes(),
    }


def _streets(upper: dict[str, str], forms: dict[str, str]) -> dict[str, bytes]:
    """Per county marshalled (strong, weak, old): form -> street code, form -> codes, old name ->
    codes.
    """
    old: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for form, entry in forms.items():
        for part in entry.split(","):
            if part[0] == "O" and len(part) == 10:
                old[part[1:7]][form].append(part[1:])
    counties: dict[str, dict[str, str]] = defaultdict(dict)
    for code in sorted(upper):
        if len(code) == 9:
            counties[code[:6]][code] = clean(upper[code])
    body, index = bytearray(), {}
    for county, names in counties.items():
        before = {form: tuple(codes) for form, codes in old[county].items()}
        content = marshal.dumps((*street_tables(names, clean(upper.get(county, "-"))), before))
        index[county] = (len(body), len(body) + len(content))
        body += content
    return {"streets.bin": bytes(body), "streets.marshal": marshal.dumps(index)}


def _own_part(code: str, table: dict[str, str]) -> str:
    """A community's name without the street (and what is above it) that some offices write before
    it.
    """
    name, street = clean(table[code]), clean(table.get(code[:9], ""))
    at = name.find(street) + len(street) if len(street) >= 3 and street in name else 0
    above = name[: at - len(street)] if at else ""
    whole = "".join(clean(table.get(code[:n], "")) for n in (2, 4, 6))
    return (
        name[at:]
        if at and whole.endswith(above) and len(community_base(name[at:])[0]) >= 2
        else name
    )


def _moves(
    table: dict[str, str], bases: dict[str, tuple[str, Kind]], past: list[tuple[str, str, int]]
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """(moved, shed): old street or county code -> today's codes, by where their communities are
    found today.

    A community of an earlier edition votes for the street that holds the same base and kind today:
    in its own county, else in its city, else in its province under a street of the same stem.
    `shed` names the other streets of the county that took two or more communities, whether or not
    the old street still stands.
    """
    today: dict[tuple[str, str], list[str]] = defaultdict(list)
    for code, base in bases.items():
        today[base].append(code)
    stems = {code: street_stem(clean(name))[0] for code, name in table.items() if len(code) == 9}
    old_stems: dict[str, set[str]] = defaultdict(set)
    for code, name, _ in past:
        if len(code) == 9:
            old_stems[code].add(street_stem(clean(name))[0])
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for code, name, _ in past:
        if len(code) != 12:
            continue
        indexes = today.get(community_base(clean(name)), [])
        near = [c for c in indexes if c[:6] == code[:6]] or [
            c for c in indexes if c[:4] == code[:4]
        ]
        if not near:
            own = old_stems[code[:9]] | {stems.get(code[:9], "")}
            near = [c for c in indexes if c[:2] == code[:2] and stems[c[:9]] in own]
        for target in near if len(near) <= 3 else ():
            votes[code[:9]][target[:9]] += 1
            votes[code[:6]][target[:6]] += 1
    shed = {
        code: ",".join(c for c, n in counts.items() if n >= 2 and c != code and c[:6] == code[:6])
        for code, counts in votes.items()
        if len(code) == 9
    }
    return _elected(table, past, votes), {
        code: shed_of for code, shed_of in shed.items() if shed_of
    }


def _elected(
    table: dict[str, str], past: list[tuple[str, str, int]], votes: dict[str, Counter[str]]
) -> dict[str, list[str]]:
    moved: dict[str, list[str]] = {}
    for code, name, _ in past:
        if len(code) not in (4, 6, 9):
            continue
        counts = votes.get(code, Counter())
        floor = max(counts.values(), default=0) * 0.2
        targets = [c for c, n in counts.most_common(4) if n >= floor]
        if code in table:
            targets = [code] + [
                c for c in targets if c != code and street_stem(clean(table[c]))[0] in clean(name)
            ]
        if targets:
            moved[code] = list(dict.fromkeys(targets + moved.get(code, [])))
    return moved


def _common(bases: dict[str, tuple[str, Kind]]) -> frozenset[str]:
    """Base and kind of communities of which the country has more than COMMON_MIN: a namesake proves
    little.
    """
    counts = Counter(bases.values())
    return frozenset(f"{base}{kind}" for (base, kind), n in counts.items() if n > COMMON_MIN)


def _old_communities(
    table: dict[str, str],
    bases: dict[str, tuple[str, Kind]],
    past: list[tuple[str, str, int]],
    moved: dict[str, list[str]],
) -> dict[str, bytes]:
    """Communities of earlier editions that their street does not list today, grouped by today's
    county.
    """
    held: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for code, base in bases.items():
        held[code[:9]].add(base)
    groups: dict[str, set[str]] = defaultdict(set)
    olds: dict[str, str] = {}
    for code, name, last in past:
        if len(code) != 12:
            continue
        base = community_base(clean(name))
        olds[code] = f"{base[0]}{base[1]}"
        streets = moved.get(code[:9], [code[:9]] if code[:9] in table else [])
        if any(base in held[s] for s in streets):
            continue
        counties = {s[:6] for s in streets} or set(moved.get(code[:6], [code[:6]]))
        for county in counties:
            groups[county].add(f"\n{base[0]}{base[1]}\t{code}\t{last}")
    body, index = bytearray(), {}
    for county in sorted(groups):
        start = len(body)
        body += ("".join(sorted(groups[county])) + "\n").encode()
        index[county] = (start, len(body))
    order = sorted(olds)
    return {
        "old.txt": bytes(body),
        "old.marshal": marshal.dumps(index),
        "old_codes.bin": array("Q", map(int, order)).tobytes(),
        "old_bases.txt": "\n".join(olds[c] for c in order).encode(),
    }
