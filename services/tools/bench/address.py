"""`guidui bench address`: speed and hits of the address engine, with JioNLP on the same addresses
in the same run.

JioNLP (Apache-2.0, development dependency) is the only other Python library known to read down to
the community; it answers names, not codes, so a hit is counted on the community's base. It is slow,
so it gets every n-th address.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from services.addresses.file import learn_file, lines_of, memory_mb, table_ready
from services.addresses.gazetteer import Gazetteer
from services.addresses.names import clean, community_base
from services.kit.garbage import collect_seldom
from services.tools.bench.address_made import cases

SHARED_MAX = 300
"""Addresses that both read."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Rates in addresses per second on one core; times in microseconds; shares of 1."""

    mixed_cold: float
    mixed: float
    full: float
    p50_us: float
    p99_us: float
    open_s: float
    learn_us: float
    memory_mb: float
    shared: int
    ours_rate: float
    ours_hits: float
    peer: str | None
    peer_rate: float | None
    peer_hits: float | None


def bench(cache: Path, addresses: Path | None = None, confirmed: Path | None = None) -> Figures:
    """Measures on `addresses` (interface §4 lines with `expected.code`), else on made-up national
    ones.
    """
    if not table_ready(cache):
        Gazetteer.open(cache)
    begun = time.perf_counter()
    gazetteer = Gazetteer.open(cache)
    opened = time.perf_counter() - begun
    begun = time.perf_counter()
    learned, _ = learn_file(gazetteer, confirmed, io.StringIO()) if confirmed else (0, 0)
    learn_us = (time.perf_counter() - begun) / max(learned, 1) * 1e6
    rows = _rows(gazetteer, addresses)
    collect_seldom()  # as `resolve` and every process that serves does
    texts = [text for text, _ in rows]
    cold = _rate(gazetteer.resolve, texts)
    times = sorted(_timed(gazetteer.resolve, text) for text in texts)
    full = [text for kind, text, _ in cases(gazetteer, 4000, 3) if kind == "full"]
    _rate(gazetteer.resolve, full)
    memory = memory_mb()
    communities = [(t, c) for t, c in rows if len(c) == 12]
    shared = communities[:: max(1, len(communities) // SHARED_MAX)][:SHARED_MAX]
    ours_rate = _rate(gazetteer.resolve, [t for t, _ in shared])
    ours = sum(
        r.candidates[0].code == c for t, c in shared if (r := gazetteer.resolve(t)).candidates
    )
    peer, peer_rate, peer_hits = _peer(gazetteer, shared)
    return Figures(
        mixed_cold=cold,
        mixed=max(_rate(gazetteer.resolve, texts) for _ in range(3)),
        full=max(_rate(gazetteer.resolve, full) for _ in range(5)),
        p50_us=times[len(times) // 2] * 1e6,
        p99_us=times[int(len(times) * 0.99)] * 1e6,
        open_s=opened,
        learn_us=learn_us,
        memory_mb=memory,
        shared=len(shared),
        ours_rate=ours_rate,
        ours_hits=ours / max(len(shared), 1),
        peer=peer,
        peer_rate=peer_rate,
        peer_hits=peer_hits,
    )


def _rows(gazetteer: Gazetteer, addresses: Path | None) -> list[tuple[str, str]]:
    if addresses is None:
        return [(text, code) for _, text, code in cases(gazetteer, 1000, 2)]
    rows = [json.loads(line) for _, line in lines_of(addresses)]
    return [(row["address"], (row.get("expected") or {}).get("code") or "") for row in rows]


def _rate(resolve: Callable[[str], object], texts: Sequence[str]) -> float:
    begun = time.perf_counter()
    for text in texts:
        resolve(text)
    return len(texts) / max(time.perf_counter() - begun, 1e-9)


def _timed(resolve: Callable[[str], object], text: str) -> float:
    begun = time.perf_counter()
    resolve(text)
    return time.perf_counter() - begun


def _peer(
    gazetteer: Gazetteer, shared: list[tuple[str, str]]
) -> tuple[str | None, float | None, float | None]:
    """(name and version, rate, share of communities named rightly) of JioNLP; nothing where it is
    not installed.
    """
    try:
        import contextlib
        import io

        with contextlib.redirect_stdout(io.StringIO()):
            import jionlp
    except ImportError:
        return None, None, None

    def parse(text: str) -> dict:
        return jionlp.parse_location(text, town_village=True)

    parse(shared[0][0])
    rate = _rate(parse, [t for t, _ in shared])
    hits = 0
    for text, code in shared:
        village = parse(text).get("village") or ""
        right = community_base(clean(gazetteer.name(code) or ""))[0]
        hits += bool(village) and community_base(clean(village))[0] == right
    return f"jionlp {jionlp.__version__}", rate, hits / len(shared)


def words(figures: Figures) -> str:
    """The figures for people."""
    f = figures
    lines = [
        f"mixed addresses        {f.mixed:10,.0f} /s   (first time: {f.mixed_cold:,.0f} /s)",
        f"full clean addresses   {f.full:10,.0f} /s",
        f"one address            {f.p50_us:10,.0f} us median, {f.p99_us:,.0f} us at the 99th "
        f"percentile",
        f"open the table         {f.open_s:10.2f} s",
        f"learn one case         {f.learn_us:10,.0f} us",
        f"memory                 {f.memory_mb:10,.0f} MB",
        f"the same {f.shared} addresses with a known community:",
        f"  guidui               {f.ours_rate:10,.0f} /s   {100 * f.ours_hits:5.1f} % right",
    ]
    if f.peer is None or f.peer_rate is None or f.peer_hits is None:
        lines.append("  JioNLP is not installed (pip install jionlp): nothing to compare with")
    else:
        lines.append(f"  {f.peer:21}{f.peer_rate:10,.0f} /s   {100 * f.peer_hits:5.1f} % right")
    return "\n".join(lines)


def run(
    cache: Path, addresses: Path | None = None, confirmed: Path | None = None, as_json: bool = False
) -> str:
    """Text or JSON of one run. In a checkout the addresses are those of tests/data/address."""
    here = Path(__file__).parents[3] / "tests" / "data" / "address"
    if addresses is None and (here / "public.jsonl.xz").is_file():
        addresses, confirmed = here / "public.jsonl.xz", here / "confirmed.jsonl.xz"
    figures = bench(cache, addresses, confirmed)
    return json.dumps(asdict(figures)) if as_json else words(figures)
