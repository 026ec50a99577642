"""The compiled division table on disk: built once, versioned by content, opened by mmap."""

from __future__ import annotations

import hashlib
import marshal
import mmap
import os
import shutil
import sys
import tempfile
from array import array
from bisect import bisect_left
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

import marisa_trie

from services.addresses import compile as address_compile
from services.addresses import forms as address_forms
from services.addresses import names as address_names
from services.addresses import normalise

HEAD_CHARS = 9
"""Province, city and county of three characters each: the commonest beginning of a full address."""
HEADS_MAX = 20_000
STREET_DIGITS = 9
STREET_CODES = 1000
"""Community codes that begin with one street's code."""
_BUILD_PREFIX = "address-build-"

DATA = Path(__file__).with_name("data")


def packaged(name: str) -> Path:
    """A division table that comes with the program."""
    return DATA / name


def version(paths: list[Path]) -> str:
    """Name of the snapshot: tables' content, the code that reads names, Python's marshal format."""
    digest = hashlib.sha256(
        f"{address_compile.LAYOUT} {sys.version_info[:2]} {sys.byteorder}".encode()
    )
    code = [
        Path(module.__file__ or "")
        for module in (address_compile, address_forms, address_names, normalise)
    ]
    for path in [*paths, *code]:
        digest.update(path.read_bytes())
    return f"address-{digest.hexdigest()[:16]}"


@contextmanager
def _locked(path: Path) -> Generator[None]:
    """Held by the one process that builds; others wait and then find the snapshot ready."""
    try:
        import fcntl
    except ImportError:
        # the rename below is atomic: without a lock two processes build, one result stays
        yield
        return
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def ensure(cache: Path, divisions: Path, history: list[Path]) -> Path:
    """The snapshot directory for these tables, compiled now if it is not in `cache` yet."""
    target = cache / version([divisions, *history])
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / "address.lock"):
        if not target.is_dir():
            _remove_killed_builds(cache)
            _build(target, address_compile.compile_tables(divisions, history))
    return target


def _remove_killed_builds(cache: Path) -> None:
    """Removes what builds left that were killed; only under the lock."""
    for folder in cache.glob(f"{_BUILD_PREFIX}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _build(target: Path, files: dict[str, bytes]) -> None:
    """Writes the files into a folder beside `target`, then renames it: it appears whole or not at
    all.
    """
    build = Path(tempfile.mkdtemp(prefix=_BUILD_PREFIX, dir=target.parent))
    try:
        for name, content in files.items():
            (build / name).write_bytes(content)
        build.chmod(0o755)
        os.replace(build, target)
    except OSError:
        shutil.rmtree(build, ignore_errors=True)
        if not target.is_dir():
            raise


def _mapped(path: Path) -> mmap.mmap | bytes:
    with path.open("rb") as handle:
        size = os.fstat(handle.fileno()).st_size
        if not size:
            return b""  # nothing cannot be mapped
        return mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)


def _numbers(path: Path, kind: Literal["Q", "I"]) -> memoryview[int]:
    """A mapped file of numbers: `kind` is Q for 64 bits, I for 32."""
    return memoryview(_mapped(path)).cast(kind)


def _spans(path: Path) -> dict[str, tuple[int, int]]:
    """County -> where its part of another file begins and ends."""
    return marshal.loads(path.read_bytes())


class Trie:
    """Text -> value, found by prefix of a text; lives in mapped files."""

    def __init__(self, folder: Path, name: str) -> None:
        self._trie = marisa_trie.Trie().mmap(str(folder / f"{name}.marisa"))
        self._body = _mapped(folder / f"{name}.bin")
        self._ends = _numbers(folder / f"{name}.idx", "I")
        self._prefixes_of = self._trie.iter_prefixes_with_ids

    def longest(self, text: str) -> tuple[int, str] | None:
        """(length, value) of the longest key that `text` starts with."""
        key = None
        for key, number in self._prefixes_of(text):  # noqa: B007 - the last is the longest
            pass
        if key is None:
            return None
        return len(key), self.value(number)

    def value(self, number: int) -> str:
        """The value of the key with this id."""
        return self._body[self._ends[number] : self._ends[number + 1]].decode()


class Prefixes(Trie):
    """A trie whose few different values are kept as objects: the walk asks it for every address."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(folder, name)
        values = [self.value(number) for number in range(len(self._ends) - 1)]
        self._values = sorted(set(values))
        places = {value: place for place, value in enumerate(self._values)}
        self._places = array("H", (places[value] for value in values))
        self._memo: dict[str, tuple[int, str]] = {}

    def longest(self, text: str) -> tuple[int, str] | None:
        """(length, value) of the longest key that `text` starts with; short ones nobody extends are
        remembered.
        """
        head = text[:HEAD_CHARS]
        known = self._memo.get(head)
        if known is not None:
            return known
        longest = self._longest(text)
        if longest is not None and self._is_told_by(head, longest[0]):
            if len(self._memo) >= HEADS_MAX:
                self._memo.clear()
            self._memo[head] = longest
        return longest

    def _is_told_by(self, head: str, length: int) -> bool:
        """True if every text that begins with `head` has the same longest key, of this length."""
        if len(head) < HEAD_CHARS or length > HEAD_CHARS:
            return False
        keys = islice(self._trie.iterkeys(head), 2)
        return all(len(key) <= len(head) for key in keys)

    def _longest(self, text: str) -> tuple[int, str] | None:
        key = None
        for key, number in self._prefixes_of(text):  # noqa: B007 - the last is the longest
            pass
        if key is None:
            return None
        return len(key), self._values[self._places[number]]


class OldCommunity(NamedTuple):
    """A community of an earlier edition that its street does not list today."""

    kind: str
    code: str
    last_year: int

    @property
    def street(self) -> str:
        """Code of the street that listed it."""
        return self.code[:9]


class Snapshot:
    """Read access to one compiled table. Communities are numbered 0.. in code order ("index")."""

    def __init__(self, folder: Path) -> None:
        self.version: str = folder.name
        self._read_upper(folder)
        self.forms = Trie(folder, "forms")
        self.prefixes = Prefixes(folder, "prefixes")
        self.codes = _numbers(folder / "codes.bin", "Q")
        self._names = _mapped(folder / "names.bin")
        self._ends = _numbers(folder / "names.idx", "I")
        self.bases = (folder / "bases.txt").read_text("utf-8")
        self.kinds = (folder / "kinds.txt").read_text("ascii")
        self._street_forms = _mapped(folder / "streets.bin")
        self._street_spans = _spans(folder / "streets.marshal")
        self._old = _mapped(folder / "old.txt")
        self._old_spans = _spans(folder / "old.marshal")
        self._old_codes = _numbers(folder / "old_codes.bin", "Q")
        self._old_bases = folder / "old_bases.txt"
        self._old_list: list[str] | None = None
        self.streets_of = self._streets_of_counties()
        self.ranges = self._ranges_of_streets()
        self.places = self._places_of_bases()

    def _read_upper(self, folder: Path) -> None:
        """Names, moves and sounds: what of the table is held in memory as it is."""
        upper = marshal.loads((folder / "upper.marshal").read_bytes())
        self.upper_names: dict[str, str] = upper["names"]
        self.old_names: dict[str, str] = upper["old_names"]
        self.moved: dict[str, str] = upper["moved"]
        self.common: frozenset[str] = upper["common"]
        self.shed: dict[str, str] = upper["shed"]
        self.sounds: dict[str, str] = upper["sounds"]

    def _streets_of_counties(self) -> dict[str, list[str]]:
        """County code -> its street codes."""
        streets_of: dict[str, list[str]] = {}
        for code in sorted(self.upper_names):
            if len(code) == STREET_DIGITS:
                streets_of.setdefault(code[:6], []).append(code)
        return streets_of

    def _ranges_of_streets(self) -> dict[str, tuple[int, int]]:
        """Street code -> (first, one past the last) index of its communities."""
        ranges: dict[str, tuple[int, int]] = {}
        codes, count = self.codes, len(self.codes)
        for streets in self.streets_of.values():
            for street in streets:
                number = int(street)
                low = bisect_left(codes, number * STREET_CODES)
                last = min(count, low + STREET_CODES)
                high = bisect_left(codes, (number + 1) * STREET_CODES, low, last)
                ranges[street] = (low, high)
        return ranges

    def _places_of_bases(self) -> array[int]:
        """Where in `bases` the line of each community begins, and where the last one ends."""
        places = array("I", [0])
        place, find = 0, self.bases.find
        for _ in range(len(self.codes)):
            place = find("\n", place + 1)
            places.append(place)
        return places

    def code(self, index: int) -> str:
        """12-digit code of a community."""
        return str(self.codes[index])

    def index(self, code: str) -> int | None:
        """Index of a community by its 12-digit code."""
        number = int(code)
        at = bisect_left(self.codes, number)
        return at if at < len(self.codes) and self.codes[at] == number else None

    def community_name(self, index: int) -> str:
        """Official name of a community."""
        return self._names[self._ends[index] : self._ends[index + 1]].decode()

    def named(self, index: int) -> tuple[str, str]:
        """(official name, 12-digit code) of a community."""
        ends = self._ends
        return self._names[ends[index] : ends[index + 1]].decode(), str(self.codes[index])

    def base(self, index: int) -> tuple[str, str]:
        """(base, kind) of a community."""
        return self.bases[self.places[index] + 1 : self.places[index + 1]], self.kinds[index]

    def street_forms(
        self, county: str
    ) -> tuple[dict[str, str], dict[str, tuple], dict[str, tuple]]:
        """(strong, weak, old) written forms of a county's streets."""
        span = self._street_spans.get(county)
        return marshal.loads(self._street_forms[span[0] : span[1]]) if span else ({}, {}, {})

    def find(self, street: str, base: str, kind: str) -> int | None:
        """Index of the community of a street with this base and kind."""
        low, high = self.ranges[street]
        if low == high:
            return None
        # asked for every address: one search of the street's lines, no list of what is there
        places, needle = self.places, f"\n{base}\n"
        place, last = places[low] - 1, places[high] + 1
        while (place := self.bases.find(needle, place + 1, last)) >= 0:
            index = bisect_left(places, place, low, high)
            if self.kinds[index] == kind:
                return index
        return None

    def find_all(self, county: str, base: str) -> tuple[int, ...]:
        """Indexes of the county's communities with this base."""
        low, high = self.county_range(county)
        if not base or low == high:
            return ()
        places, needle = self.places, f"\n{base}\n"
        last = places[high] + 1
        indexes: tuple[int, ...] = ()
        place = self.bases.find(needle, places[low], last)
        while place >= 0:
            indexes = (*indexes, bisect_left(places, place, low, high))
            place = self.bases.find(needle, place + 1, last)
        return indexes

    def county_range(self, county: str) -> tuple[int, int]:
        """(first, one past the last) index of a county's communities."""
        streets = self.streets_of.get(county)
        if not streets:
            return 0, 0
        first, _ = self.ranges[streets[0]]
        _, last = self.ranges[streets[-1]]
        return first, last

    def bases_between(self, low: int, high: int) -> list[str]:
        """Bases of the communities from index `low` to before `high`."""
        if low >= high:
            return []
        return self.bases[self.places[low] + 1 : self.places[high]].split("\n")

    def starting(self, low: int, high: int, head: str) -> Iterator[int]:
        """Indexes from `low` to before `high` whose base starts with `head`."""
        last, needle = self.places[high], "\n" + head
        place = self.bases.find(needle, self.places[low], last)
        while place >= 0:
            yield bisect_left(self.places, place, low, high)
            place = self.bases.find(needle, place + 1, last)

    def old(self, county: str, base: str) -> list[OldCommunity]:
        """Communities of earlier editions in today's county with this base, gone from their street.

        Each is a line `base`, kind, tab, code, tab, last year.
        """
        span = self._old_spans.get(county)
        if span is None:
            return []
        start, stop = span
        needle = f"\n{base}".encode()
        communities = []
        at = self._old.find(needle, start, stop)
        while at >= 0:
            end = self._old.find(b"\n", at + 1)
            kind, code, year = self._old[at + len(needle) : end].decode().split("\t")
            is_whole_base = len(kind) == 1
            if is_whole_base:
                communities.append(OldCommunity(kind, code, int(year)))
            at = self._old.find(needle, end, stop)
        return communities

    def old_base(self, code: str) -> tuple[str, str] | None:
        """(base, kind) that a community code had in the last earlier edition that differs from
        today.
        """
        number = int(code)
        at = bisect_left(self._old_codes, number)
        if at >= len(self._old_codes) or self._old_codes[at] != number:
            return None
        if self._old_list is None:
            self._old_list = self._old_bases.read_text("utf-8").split("\n")
        line = self._old_list[at]
        return line[:-1], line[-1]
