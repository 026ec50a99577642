"""The real consumers' backlogs for `guidui bench pipeline` and `bench embedded`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import Engine

from schemas.departures import SOURCE_PREFIX
from schemas.envelope import Message
from services.addresses.gazetteer import Gazetteer
from services.cases.routing.rule_source import default_rules
from services.intake.parse import parse
from services.intake.store import accept
from services.kit.bus.consumer import Subscription
from services.kit.cache import cache_folder
from services.kit.clock import Clock, SystemClock
from services.kit.db.engine import rows
from services.matcher.confirmed_addresses import ConfirmationsFirst, ConfirmedAddressRecorder
from services.matcher.handlers import Matcher
from services.matcher.live_gazetteer import Addresses
from services.notifier.handlers import notifier
from services.registry.access import Caller
from services.registry.load import load_rows
from services.tools.bench.pipeline import Load
from services.tools.demo_county import COUNTY_DEPARTMENT, demo_county

SECRET = b"bench"
UNIT, BRANCH = "620104030100", "620104030101"
BATCH = 500
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_SURNAMES, _GIVEN = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨", "建国志强秀英春兰育文晓明海燕文静"


def matcher_of(engine: Engine, clock: Clock) -> Subscription:
    """The matcher as the service runs it."""
    act = departures_of(clock)
    return Subscription(
        "matcher",
        ("departures", "cases"),
        ConfirmationsFirst(ConfirmedAddressRecorder(clock, act.addresses), act),
    )


def departures_of(clock: Clock) -> Matcher:
    """What the matcher does with departures."""
    return Matcher(clock, default_rules(), Addresses(Gazetteer.open(cache_folder())))


def notifier_of(engine: Engine, clock: Clock) -> Subscription:
    """The notifier as the service runs it, with the portal's inbox."""
    return Subscription("notifier", ("cases", "tasks"), notifier(clock, {"portal"}))


def matcher_load(count: int) -> Load:
    """``count`` departures of ``count`` members, each with an address in the demo county."""

    def prepare(worker: Engine, owner: Engine, part: int) -> Sequence[Message]:
        at = SystemClock().now()
        load_world(worker, count, part)
        return _posted(worker, count, part, at)

    return Load("the real matcher", "services.tools.bench.loads:matcher_of", prepare, wanted=0.5)


def notifier_load(count: int) -> Load:
    """What the matcher says of ``count`` departures: a task at the origin, an expected person at
    both receivers.
    """

    def prepare(worker: Engine, owner: Engine, part: int) -> Sequence[Message]:
        at = SystemClock().now()
        load_world(worker, count, part)
        posted = _posted(worker, count, part, at)
        handler = matcher_of(worker, SystemClock()).handler
        for start in range(0, count, BATCH):
            with worker.begin() as tx:
                handler(tx, posted[start : start + BATCH])
        with owner.begin() as tx:
            members_found = rows(
                tx,
                "SELECT event_id, topic, type, key, time, body FROM event_log WHERE topic = "
                "'cases' "
                "ORDER BY xid, id",
            )
            tx.exec_driver_sql("DELETE FROM event_log")
        return [Message(r.event_id, r.topic, r.type, r.key, r.time, r.body) for r in members_found]

    return Load("the real notifier", "services.tools.bench.loads:notifier_of", prepare, wanted=0.5)


def id_number(number: int) -> str:
    """A made-up number with a valid check digit (GB 11643)."""
    day = number % 10_000
    birth_date = f"{1950 + day // 250}{day // 28 % 12 + 1:02}{day % 28 + 1:02}"
    body = f"620104{birth_date}{number // 10_000 + 100:03}"
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, _WEIGHTS, strict=True)) % 11]


def _name(number: int) -> str:
    return _SURNAMES[number % 16] + _GIVEN[number // 16 % 16] + _GIVEN[number // 256 % 16]


def load_world(worker: Engine, count: int, part: int) -> None:
    """Part 0: the demo county's organisations and ``count`` members; part 1: as many others."""
    clock = SystemClock()
    if part == 0:
        county = demo_county()
        for kind in ("organisations", "contacts"):
            load_rows(worker, kind, getattr(county, kind), clock)
    load_rows(
        worker,
        "members",
        (
            {
                "member": f"b{part}{n:06}",
                "name": _name(n),
                "id_number": id_number(part * count + n),
                "status": "full",
                "standing": "normal",
                "organisation": BRANCH,
            }
            for n in range(count)
        ),
        clock,
    )


def _posted(worker: Engine, count: int, part: int, at: datetime) -> list[Message]:
    communities = _communities()
    messages: list[Message] = []
    with worker.connect() as tx:
        path = rows(tx, "SELECT path FROM organisation WHERE code = :c", {"c": UNIT})[0].path
    caller = Caller(UNIT, path, "sender")
    for start in range(0, count, BATCH):
        events = [
            parse(_event(part * count + n, _name(n), communities[n % len(communities)]), SECRET, at)
            for n in range(start, min(start + BATCH, count))
        ]
        with worker.begin() as tx:
            accept(tx, caller, events, at)
        messages += [
            Message(
                e.id, "departures", "guidui.event.posted.v1", e.key, e.time, {"event": str(e.id)}
            )
            for e in events
        ]
    return messages


def departure(number: int, ident: str) -> dict:
    """A CloudEvent of UNIT: member ``number`` of part 0 left for an address in the demo county."""
    return _event(number, _name(number), _communities()[number % len(_communities())]) | {
        "id": ident
    }


@cache
def _communities() -> list[dict]:
    return [
        o
        for o in demo_county().organisations
        if o["unit"] == "community" and o["kind"] == "general_branch"
    ]


def batch_person(number: int) -> dict:
    """Member ``number`` of part 0 as one of ``data.persons``, with an address in the demo
    county.
    """
    community = _communities()[number % len(_communities())]
    return {
        "person": {"name": _name(number), "id_number": id_number(number)},
        "to": {"address": _address(number, community)},
    }


def _address(number: int, community: dict) -> str:
    return f"甘肃省兰州市西固区{_place(community)}{number % 90 + 1}号楼"


def _event(number: int, name: str, community: dict) -> dict:
    return {
        "specversion": "1.0",
        "type": "guidui.labour_relation.ended.v1",
        "source": SOURCE_PREFIX + UNIT,
        "id": f"bench-{number}",
        "data": {
            "effective_on": "2026-06-30",
            "person": {"name": name, "id_number": id_number(number)},
            "to": {"address": _address(number, community)},
            "circumstances": {
                "labour_relation": "ended",
                "handover": "dispersed",
                "place_fixed": True,
            },
        },
    }


def _place(community: dict) -> str:
    return (
        community["name"]
        .removeprefix("中共兰州市西固区")
        .removesuffix("总支部委员会")
        .removesuffix("支部委员会")
    )


__all__ = [
    "COUNTY_DEPARTMENT",
    "batch_person",
    "departure",
    "departures_of",
    "load_world",
    "matcher_load",
    "matcher_of",
    "notifier_load",
    "notifier_of",
]
