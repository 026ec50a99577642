"""All written forms of a division table's levels 1 to 4, and the prefixes that end in a county."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from enum import StrEnum

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


def street_tables(
    names: dict[str, str], county: str = ""
) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """(strong, weak) forms of the streets of one county (`county`: its name); an official name
    beats another street's form.
    """
    strong: dict[str, set[str]] = defaultdict(set)
    weak: dict[str, list[str]] = defaultdict(list)
    for code, name in names.items():
        full, crossed = street_forms(name)
        for form in (*full, *seat_forms(name, county)):
            strong[form].add(code)
        for form in crossed:
            weak[form].append(code)
    sole = {form: next(iter(codes)) for form, codes in strong.items() if len(codes) == 1}
    sole |= {name: code for code, name in names.items()}
    for form, codes in strong.items():
        if form not in sole:
            weak[form] += sorted(codes)
    return sole, {
        form: tuple(dict.fromkeys(codes)) for form, codes in weak.items() if form not in sole
    }


def all_forms(
    upper: dict[str, str], past: list[tuple[str, str, int]], moved: dict[str, list[str]]
) -> dict[str, str]:
    """Written form -> "kind code,code": F full or strong, W weak, O old name. The best kind of a
    form wins.
    """
    forms_of: dict[str, dict[str, str]] = defaultdict(dict)

    def add(form: str, code: str, kind: str) -> None:
        if form not in _VAGUE and len(form) >= 2:
            best = forms_of[form].get(code)
            if best is None or "FWO".index(kind) < "FWO".index(best):
                forms_of[form][code] = kind

    for code, name in upper.items():
        for form, kind in written(code, name, upper):
            add(form, code, kind)
    for form, code in _old_forms(upper, past, moved):
        add(form, code, "O")
    return {
        form: ",".join(kind + code for code, kind in hits.items())
        for form, hits in forms_of.items()
    }


def _old_forms(
    upper: dict[str, str], past: list[tuple[str, str, int]], moved: dict[str, list[str]]
) -> Iterator[tuple[str, str]]:
    """Full name of a division of an earlier edition, and code of each that holds its area today."""
    for code, name, _ in past:
        if len(code) == 12:
            continue
        full = [form for form, kind in written(code, name, upper) if kind == "F"]
        for form in full:
            for target in moved.get(code, ()):
                yield form, target


def written(code: str, name: str, upper: dict[str, str]) -> list[tuple[str, str]]:
    """(form, kind) pairs for one division of levels 1-4: F names it fully, W is a short or crossed
    form.
    """
    name_key = clean(name)
    if len(code) == 2:
        *long, letter = province_forms(name)
        return [(f, "F" if f == name else "W") for f in long]
    if len(code) == 4:
        return [(f, "F" if f == name_key else "W") for f in city_forms(name_key)]
    if len(code) == 6:
        return [
            (f, "F" if f == name_key else "W")
            for f in county_forms(name_key, upper.get(code[:4], ""))
        ]
    strong, weak = street_forms(name_key)
    weak = (*weak, *seat_forms(name_key, clean(upper.get(code[:6], "-"))))
    return [(f, "F") for f in strong] + [(f, "W") for f in weak]


def prefixes(
    upper: dict[str, str], past: list[tuple[str, str, int]], moved: dict[str, list[str]]
) -> dict[str, str]:
    """Text from province to county, in the ways people write it -> county code; ambiguous texts are
    left out.
    """
    forms_of: dict[str, set[str]] = defaultdict(set)
    rows = [(code, name, code) for code, name in upper.items() if len(code) == 6]
    for code, name, _ in past:
        targets = moved.get(code, ())
        if len(code) == 6 and len(targets) == 1:
            rows.append((code, name, targets[0]))
    for code, name, target in rows:
        province = province_forms(upper.get(code[:2], ""))
        city_name = upper.get(code[:4]) or upper.get(target[:4], "")
        city = city_forms(clean(city_name)) or ("",)
        county = county_forms(clean(name), city_name)
        dummy = city_name if is_dummy(city_name) else ""
        for text in (*_chains(province, city, county, dummy), *usual_county_forms(clean(name))):
            forms_of[text].add(target)
    return {
        text: next(iter(codes))
        for text, codes in forms_of.items()
        if len(codes) == 1 and text not in _VAGUE
    }


def _chains(
    province: tuple[str, ...], city: tuple[str, ...], county: tuple[str, ...], dummy: str
) -> set[str]:
    full, short, letter = (
        province[0],
        province[1] if len(province) > 1 else province[0],
        province[-1],
    )
    out = {county[0]}
    for k in county:
        for p in (full, short):
            out |= {p + k, p + p + k, p + dummy + k, full + p + k}
            out |= {p + c + k for c in city}
            out |= {p + c + c + k for c in city[:1]}
        out |= {c + k for c in city if c}
        out |= {letter + c + k for c in city}
    return out


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
