"""Organisations as rosters write them: code, full or short name, old code or old name, to the code
of today.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Mapping
from io import TextIOWrapper
from pathlib import Path

from services.identity.names import is_blank
from services.kit.packed import unpacked

_CODE = re.compile(r"[0-9]{12}")
_HEAD = re.compile(r"^(?:中共|中国共产党)")
_TAIL = re.compile(r"(?:支部)?委员会$|(?:总支部|党总支|党委|党支部)$")
_SEAT = re.compile(r"(?:居民|村民)?委员会$|居委会$|村委会$")
SUCCESSORS_MAX = 20
NAMESAKES_MAX = 8


class Organisations:
    """Reads what a row calls its organisation; without a list of organisations only codes are
    understood.
    """

    def __init__(self, rows: Iterable[Mapping[str, str]] = ()) -> None:
        self._heir: dict[str, str] = {}
        self._named: dict[str, set[str]] = {}
        for row in rows:
            code, name = row.get("code") or "", row.get("name") or ""
            if row.get("successor"):
                self._heir[code] = row["successor"]
            for form in _forms(name):
                self._named.setdefault(form, set()).add(code)

    @classmethod
    def read(cls, path: Path) -> Organisations:
        """organisations.csv (interface §2), plain or `.xz`."""
        with TextIOWrapper(unpacked(path), "utf-8-sig", errors="replace", newline="") as handle:
            return cls(csv.DictReader(handle))

    def code_of(self, text: str | None) -> str | None:
        """The code of today; several joined by `|` where they bear one name; the text itself where
        none is known.
        """
        if text is None or is_blank(text):
            return None
        plain = "".join(unicodedata.normalize("NFKC", text[:200]).split())
        if _CODE.fullmatch(plain):
            return self._today(plain)
        for form in _forms(plain):
            codes = {self._today(code) for code in self._named.get(form, ())}
            if 0 < len(codes) <= NAMESAKES_MAX:
                return "|".join(sorted(codes))
        return text

    def _today(self, code: str) -> str:
        for _ in range(SUCCESSORS_MAX):
            if code not in self._heir:
                break
            code = self._heir[code]
        return code


def _forms(name: str) -> tuple[str, ...]:
    """The name as on the seal, without 中共 and 委员会, and without the seat's own 居委会."""
    plain = _HEAD.sub("", "".join(name.split()))
    short = _TAIL.sub("", plain)
    return tuple(form for form in dict.fromkeys((plain, short, _SEAT.sub("", short))) if form)
