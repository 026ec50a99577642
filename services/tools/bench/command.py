"""`guidui bench NAME`: which benchmark a name means, and how its figures are told."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from services.kit import log
from services.kit.settings import Settings
from services.tools.bench import telling
from services.tools.bench.machine import machine

MESSAGES = 20_000  # of each consumer's backlog over Kafka
EMBEDDED_MESSAGES = 10_000
DEPARTURES = 6_000  # end to end
LATENCY_SECONDS = 20
BULK_PEOPLE = 26_000
OPEN_DEADLINES = 100_000
REGISTER = 500_000
ROSTER_ROWS = 30_000
BRANCHES = 20_000  # with 500,000 members; a province has ten times as many
CASES = 50_000
MILLION = 1_000_000


def run(name: str, as_json: bool, settings: Settings, scale: float = 1.0) -> int:
    """See `services.tools.bench.run_bench`."""
    log.configure("error")
    if name in ENGINES:
        return _engine(name, as_json, settings)
    if name not in SERVICES:
        print(f"guidui: no benchmark {name!r}; choose one of {', '.join(NAMES)}", file=sys.stderr)
        return 2
    measure, tell = SERVICES[name]
    before = machine()
    figures = measure(scale)
    measured_on = before | {"load_after": machine()["load"]}
    if as_json:
        print(json.dumps({"bench": name, "machine": measured_on, **figures}))
    else:
        print(f"{telling.of_machine(measured_on)}\n\n{tell(figures)}")
    return 0


def pipeline(scale: float) -> dict[str, Any]:
    """Each consumer alone over Kafka beside a bare Faust no-op; then the whole road with 1 and 2
    workers.
    """
    from services.tools.bench.loads import matcher_load, notifier_load
    from services.tools.bench.pipeline import over_kafka, trivial_load
    from services.tools.bench.road import end_to_end

    count = max(50, int(MESSAGES * scale))
    return {
        "consumers": over_kafka([trivial_load(count), matcher_load(count), notifier_load(count)]),
        "end_to_end": [end_to_end(max(50, int(DEPARTURES * scale)), workers) for workers in (1, 2)],
    }


def embedded(scale: float) -> dict[str, Any]:
    """The real handlers from the tailer beside the same handlers called with batches in memory."""
    from services.tools.bench.loads import matcher_load, notifier_load
    from services.tools.bench.pipeline import embedded as measured

    count = max(50, int(EMBEDDED_MESSAGES * scale))
    return {"consumers": measured([matcher_load(count), notifier_load(count)])}


def latency(scale: float) -> dict[str, Any]:
    """From the moment an event was to be sent to the COMMIT of its alert and of its notice."""
    from services.tools.bench.latency import measured

    return {"services": measured(LATENCY_SECONDS * scale)}


def bulk(scale: float) -> dict[str, Any]:
    """One batch of 26,000 people until every one has a case and those concerned are told."""
    from services.tools.bench.bulk import measured

    return measured(max(50, int(BULK_PEOPLE * scale)))


def calendar(scale: float) -> dict[str, Any]:
    """A new year of the calendar over 100,000 open deadlines."""
    from services.tools.bench.calendar import measured

    return measured(max(50, int(OPEN_DEADLINES * scale)))


def lookup(scale: float) -> dict[str, Any]:
    """One person at a time over 500,000 members (scale 10: over 5 million)."""
    from services.tools.bench.lookup import measured

    return measured(max(2_000, int(REGISTER * scale)))


def roster(scale: float) -> dict[str, Any]:
    """A roster of 30,000 rows to its members."""
    from services.tools.bench.roster import measured

    return measured(max(200, int(ROSTER_ROWS * scale)))


def letters(scale: float) -> dict[str, Any]:
    """Pages a second and the peak of memory for 10,000 letters in one file."""
    from services.tools.bench.letters import PAGES, measured

    return measured(max(20, int(PAGES * scale)))


def portal(scale: float) -> dict[str, Any]:
    """Pages and calls of branches, communities and streets in a tenth of a province."""
    from services.tools.bench.pages import of_branches

    return of_branches(max(20, int(BRANCHES * scale)), max(200, int(CASES * scale)))


def audit(scale: float) -> dict[str, Any]:
    """Overview, audit and lists of departments in a tenth of a province."""
    from services.tools.bench.pages import of_departments

    return of_departments(max(20, int(BRANCHES * scale)), max(200, int(CASES * scale)))


def sealed(scale: float) -> dict[str, Any]:
    """Lists of a branch, a community and a street over a million cases, with the seal of who looks
    and without.
    """
    from services.tools.bench.sealed import measured

    return measured(max(20, int(BRANCHES * scale)), max(200, int(MILLION * scale)))


def _engine(name: str, as_json: bool, settings: Settings) -> int:
    """A benchmark of one engine that needs no database; its module tells its own figures."""
    module = f"services.tools.bench.{name}"
    if find_spec(module) is None:
        print(
            f"guidui: this installation has no {module}, so there is nothing to measure",
            file=sys.stderr,
        )
        return 1
    print(import_module(module).run(settings.cache, as_json=as_json))
    return 0


ENGINES = ("address", "identity")
SERVICES: dict[str, tuple[Callable[[float], dict[str, Any]], Callable[[dict[str, Any]], str]]] = {
    "pipeline": (pipeline, telling.of_pipeline),
    "embedded": (embedded, telling.of_embedded),
    "latency": (latency, telling.of_latency),
    "bulk": (bulk, telling.of_bulk),
    "calendar": (calendar, telling.of_calendar),
    "lookup": (lookup, telling.of_lookup),
    "roster": (roster, telling.of_roster),
    "letters": (letters, telling.of_letters),
    "portal": (portal, telling.of_pages),
    "audit": (audit, telling.of_pages),
    "sealed": (sealed, telling.of_sealed),
}
NAMES = (*ENGINES, *SERVICES)
