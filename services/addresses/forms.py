"""All written forms of a division table's levels 1 to 4, and the prefixes that end in a county."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from services.addresses.names import (
    city_forms,
    clean,
    county_forms,
    is_dummy,
    province_forms,
    seat_forms,
    street_forms,
    usual_county_forms,
)


class FormKind(StrEnum):
    """How surely a form means its division. The letters are those of the compiled table."""

    FULL = "F"
    """The official name, or another that is its alone."""
    SHORT = "W"
    """A short or crossed form."""
    OLD = "O"
    """The full name of an earlier edition."""


_BEST_FIRST = (FormKind.FULL, FormKind.SHORT, FormKind.OLD)

_VAGUE = frozenset(
    [
        "街道",
        "城区",
        "林场",
        "农场",
        "牧场",
        "园区",
        "开发区",
        "工业园区",
        "工业区",
        "城南",
        "城北",
        "城东",
        "城西",
        "新城",
        "社区",
        "办事处",
        "管理区",
    ]
)
"""Names of divisions that are common words: alone they mean none."""


class PastDivision(NamedTuple):
    """A division as an earlier edition had it, and the last edition that did."""

    code: str
    name: str
    last_edition: int


def street_tables(
    names: dict[str, str], county: str = ""
) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """(strong, weak) forms of the streets of one county (`county`: its name); an official name
    beats another street's form.
    """
    full: dict[str, set[str]] = defaultdict(set)
    crossed: dict[str, list[str]] = defaultdict(list)
    for code, name in names.items():
        full_forms, crossed_forms = street_forms(name)
        for form in (*full_forms, *seat_forms(name, county)):
            full[form].add(code)
        for form in crossed_forms:
            crossed[form].append(code)
    strong = _clear(full)
    for code, name in names.items():
        strong[name] = code
    weak: dict[str, tuple[str, ...]] = {}
    for form in (*crossed, *full):
        if form not in strong:
            codes = [*crossed.get(form, ()), *sorted(full.get(form, ()))]
            weak[form] = tuple(dict.fromkeys(codes))
    return strong, weak


def _clear(codes_of: dict[str, set[str]]) -> dict[str, str]:
    """Form -> code of those that mean one division only."""
    return {form: next(iter(codes)) for form, codes in codes_of.items() if len(codes) == 1}


def all_forms(
    upper: dict[str, str], past: list[PastDivision], moved: dict[str, list[str]]
) -> dict[str, str]:
    """Written form -> entry: "F330602,W3306", the kind (FormKind) and code of each division that it
    may mean. The best kind of a form wins.
    """
    kinds: dict[str, dict[str, FormKind]] = defaultdict(dict)
    for code, name in upper.items():
        for form, kind in written(code, name, upper):
            _add_form(kinds, form, code, kind)
    for form, code in _old_forms(upper, past, moved):
        _add_form(kinds, form, code, FormKind.OLD)
    return {form: _entry(kind_of) for form, kind_of in kinds.items()}


def _add_form(kinds: dict[str, dict[str, FormKind]], form: str, code: str, kind: FormKind) -> None:
    """Takes one more form in, unless it is known to be better already."""
    if form in _VAGUE or len(form) < 2:
        return
    known = kinds[form].get(code)
    if known is None or _BEST_FIRST.index(kind) < _BEST_FIRST.index(known):
        kinds[form][code] = kind


def _entry(kind_of: dict[str, FormKind]) -> str:
    return ",".join(kind + code for code, kind in kind_of.items())


def _old_forms(
    upper: dict[str, str], past: list[PastDivision], moved: dict[str, list[str]]
) -> Iterator[tuple[str, str]]:
    """Full name of a division of an earlier edition, and code of each that holds its area today."""
    for division in past:
        if len(division.code) == 12:
            continue
        for form, kind in written(division.code, division.name, upper):
            if kind != FormKind.FULL:
                continue
            for heir in moved.get(division.code, ()):
                yield form, heir


def written(code: str, name: str, upper: dict[str, str]) -> list[tuple[str, FormKind]]:
    """The forms of one division of levels 1-4, each with its kind."""
    official = clean(name)
    if len(code) == 2:
        *forms, _letter = province_forms(name)
        return _full_or_short(forms, name)
    if len(code) == 4:
        return _full_or_short(city_forms(official), official)
    if len(code) == 6:
        return _full_or_short(county_forms(official, upper.get(code[:4], "")), official)
    county = clean(upper.get(code[:6], "-"))
    strong, weak = street_forms(official)
    full = [(form, FormKind.FULL) for form in strong]
    short = [(form, FormKind.SHORT) for form in (*weak, *seat_forms(official, county))]
    return full + short


def _full_or_short(forms: Iterable[str], official: str) -> list[tuple[str, FormKind]]:
    """The official name is full, every other form short."""
    kinds = []
    for form in forms:
        kind = FormKind.FULL if form == official else FormKind.SHORT
        kinds.append((form, kind))
    return kinds


def prefixes(
    upper: dict[str, str], past: list[PastDivision], moved: dict[str, list[str]]
) -> dict[str, str]:
    """Text from province to county, in the ways people write it -> county code; ambiguous texts are
    left out.
    """
    codes_of: dict[str, set[str]] = defaultdict(set)
    for code, name, today in _counties(upper, past, moved):
        for text in _prefixes_of(code, name, today, upper):
            codes_of[text].add(today)
    for text in _VAGUE:
        codes_of.pop(text, None)
    return _clear(codes_of)


def _counties(
    upper: dict[str, str], past: list[PastDivision], moved: dict[str, list[str]]
) -> Iterator[tuple[str, str, str]]:
    """(code, name, today's code) of the counties of all editions that are one county today."""
    for code, name in upper.items():
        if len(code) == 6:
            yield code, name, code
    for division in past:
        heirs = moved.get(division.code, ())
        if len(division.code) == 6 and len(heirs) == 1:
            yield division.code, division.name, heirs[0]


def _prefixes_of(code: str, name: str, today: str, upper: dict[str, str]) -> set[str]:
    """The texts that lead to a county of today or of an earlier edition; `today`: its code
    now.
    """
    city_name = upper.get(code[:4]) or upper.get(today[:4], "")
    chain = _Chain(
        province=province_forms(upper.get(code[:2], "")),
        city=city_forms(clean(city_name)) or ("",),
        county=county_forms(clean(name), city_name),
        place_holder=city_name if is_dummy(city_name) else "",
    )
    return chain.texts() | set(usual_county_forms(clean(name)))


@dataclass(frozen=True, slots=True)
class _Chain:
    """The forms of a county and of what is above it, official names first.

    `city` is ("",) and `place_holder` the name in the table (市辖区) where there is no real city.
    """

    province: tuple[str, ...]
    city: tuple[str, ...]
    county: tuple[str, ...]
    place_holder: str

    def texts(self) -> set[str]:
        """What people write from the top down to the county."""
        official, *_ = self.county
        texts = {official}
        for county in self.county:
            texts |= self._in_city(county) | self._in_province(county)
        return texts

    def _in_city(self, county: str) -> set[str]:
        """City and county, also behind the letter of the province."""
        letter = self.province[-1]
        texts = {letter + city + county for city in self.city}
        texts |= {city + county for city in self.city if city}
        return texts

    def _in_province(self, county: str) -> set[str]:
        """Province and county, with or without the city between; some write one of them twice."""
        full, *shorter = self.province
        short = shorter[0] if shorter else full
        official_city = self.city[0]
        texts = set()
        for province in (full, short):
            texts |= {province + city + county for city in self.city}
            texts |= {
                province + county,
                province + province + county,
                full + province + county,
                province + self.place_holder + county,
                province + official_city + official_city + county,
            }
        return texts


def sounds() -> dict[str, str]:
    """Character -> its toneless pinyin readings joined by spaces (pypinyin's table, CJK unified
    ideographs).
    """
    from pypinyin.constants import PINYIN_DICT
    from pypinyin.contrib.tone_convert import to_normal

    return {
        chr(code): " ".join(sorted({to_normal(reading) for reading in readings.split(",")}))
        for code, readings in PINYIN_DICT.items()
        if 0x4E00 <= code <= 0x9FFF
    }
