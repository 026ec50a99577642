"""`guidui resolve`: addresses of a file to communities, no server needed (interface §4)."""

from __future__ import annotations

import codecs
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import orjson

from schemas.days import read_day
from services.addresses import snapshot as address_snapshot
from services.addresses.gazetteer import Gazetteer
from services.kit.packed import unpacked


class BadLine(ValueError):
    """A line that is not what the file should hold; the message says why."""


Needed = Mapping[str, tuple[type, ...]]
"""Name of a field -> the types it may have; one that may be null may be missing."""


_ADDRESS_FIELDS: Needed = {
    "id": (str, int),
    "address": (str, type(None)),
    "county": (str, type(None)),
}
_CONFIRMED_FIELDS: Needed = {"address": (str,), "code": (str,), "on": (str, type(None))}


def parse(line: bytes, needed: Needed) -> dict[str, Any]:
    """One JSON object with the needed fields of the right types; BadLine says what is wrong."""
    row = _json(line)
    if not isinstance(row, dict):
        raise BadLine("not a JSON object")
    for name, types in needed.items():
        if name not in row and type(None) not in types:
            raise BadLine(f'"{name}" is missing')
        if not isinstance(row.get(name), types):
            raise BadLine(f'"{name}" is not {" or ".join(t.__name__ for t in types)}')
    return row


def _json(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        # half a surrogate is no JSON to orjson, but an address we must answer
        try:
            return json.loads(line)
        except ValueError as error:
            raise BadLine(f"not JSON: {error}") from None


def dump(row: dict[str, Any]) -> bytes:
    """One line of JSON; text that UTF-8 cannot hold is escaped."""
    try:
        return orjson.dumps(row)
    except TypeError:
        return json.dumps(row).encode()


def lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """(line number, line) of a file, blank lines skipped; a byte order mark and `.xz` are
    allowed.
    """
    with unpacked(path) as handle:
        for number, line in enumerate(handle, 1):
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            line = line.strip()
            if line:
                yield number, line


def learn_file(gazetteer: Gazetteer, path: Path, messages: TextIO) -> tuple[int, int]:
    """Learns {"address","code","id"?,"on"?} lines; (learned, bad)."""
    learned = bad = 0
    for number, line in lines_of(path):
        try:
            _learn_line(gazetteer, line, f"{path.name}:{number}")
            learned += 1
        except ValueError as error:
            bad += 1
            print(f"{path}, line {number}: {error}", file=messages)
    return learned, bad


def _learn_line(gazetteer: Gazetteer, line: bytes, place: str) -> None:
    """Learns one line; ValueError says what is wrong with it. `place` is its source where it names
    none.
    """
    row = parse(line, _CONFIRMED_FIELDS)
    if not gazetteer.current(row["code"]):
        raise BadLine(f"unknown code {row['code']!r}")
    on = read_day(row["on"]) if row.get("on") else None
    source = str(row.get("id") or place)
    gazetteer.learn(row["address"], row["code"], source=source, on=on)


def resolve_file(
    inp: Path | str,
    out: Path | str,
    learn: Path | str | None = None,
    *,
    cache: Path,
    divisions: Path | None = None,
    messages: TextIO | None = None,
) -> int:
    """Resolves every line of `inp` into `out`, same order; exit code 0, 1 (bad lines named) or 2
    (bad usage).

    `out` appears whole or not at all. Rate and memory go to `messages` (stderr).
    """
    messages = messages or sys.stderr
    inp, out, learn = Path(inp), Path(out), Path(learn) if learn else None
    wrong_usage = _wrong_usage([inp, learn, divisions], out)
    if wrong_usage is not None:
        print(f"guidui resolve: {wrong_usage}", file=messages)
        return 2
    begun = time.perf_counter()
    try:
        gazetteer = Gazetteer.open(cache, divisions)
    except ValueError as error:
        print(f"guidui resolve: {error}", file=messages)
        return 2
    opened = time.perf_counter()
    learned, bad = learn_file(gazetteer, learn, messages) if learn else (0, 0)
    known = time.perf_counter()
    done, wrong = _resolved(gazetteer, inp, out, messages)
    spent = max(time.perf_counter() - known, 1e-9)
    print(
        f"{done} addresses in {spent:.2f} s ({done / spent:,.0f}/s); table open in "
        f"{opened - begun:.2f} s; {learned} cases learned in {known - opened:.2f} s; "
        f"memory {memory_mb():.0f} MB",
        file=messages,
    )
    bad_lines = bad + wrong
    if bad_lines == 0:
        return 0
    print(f"{bad_lines} bad lines, named above; all others were taken", file=messages)
    return 1


def _wrong_usage(read: Sequence[Path | None], out: Path) -> str | None:
    """What is wrong with the paths; None if nothing is."""
    for path in read:
        if path is not None and not path.is_file():
            return f"no such file: {path}"
    if not out.parent.is_dir():
        return f"no such directory: {out.parent}"
    return None


def _resolved(gazetteer: Gazetteer, inp: Path, out: Path, messages: TextIO) -> tuple[int, int]:
    """Writes the answers to `out`, which appears when all are written; (resolved, bad)."""
    done = wrong = 0
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as handle:
            for number, line in lines_of(inp):
                try:
                    row = parse(line, _ADDRESS_FIELDS)
                except BadLine as error:
                    wrong += 1
                    print(f"{inp}, line {number}: {error}", file=messages)
                    continue
                answer = gazetteer.resolve(row.get("address"), row.get("county"))
                handle.write(dump({"id": row["id"], **answer.to_json()}) + b"\n")
                done += 1
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)
    return done, wrong


def memory_mb() -> float:
    """Resident memory of this process in MB now, its peak where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def table_ready(cache: Path) -> bool:
    """True if the packaged table is compiled in `cache`, so that opening takes a moment only."""
    tables = [
        address_snapshot.packaged(name) for name in ("divisions.csv.xz", "divisions_history.csv.xz")
    ]
    return (cache / address_snapshot.version(tables)).is_dir()
