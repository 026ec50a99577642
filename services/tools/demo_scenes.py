"""Moves of the demo that stop at a chosen point, so that every account of README.md finds work of
its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from schemas.departures import SOURCE_PREFIX
from services.app import App
from services.kit.db.engine import rows

Post = Callable[[App, str, dict[str, Any]], None]
Command = Callable[..., None]
Plan = tuple[datetime, Callable[[], None]]

_UNIT, _UNIT_BRANCH, _WORKSHOP = "620104030100", "620104030107", "620104030102"
_STREET, _COMMUNITY, _NEIGHBOUR = "620104020100", "620104020101", "620104020102"
_COMMUNITY_BRANCH = "620104110101"
_FIRST_MEMBER = 20  # of each branch: those before take part in the moves of every unit
_HOUR = timedelta(hours=10)

_MOVED = ("guidui.residence.changed.v1", {"unit_has_organisation": False})
_RETIRED = ("guidui.retirement.scheduled.v1", {"retiree_branch": False, "lives_locally": False})
_BELONGS_ELSEWHERE = ("guidui.residence.changed.v1", {"unit_has_organisation": True})
_NO_FIXED_PLACE = ("guidui.residence.changed.v1", {"place_fixed": False})

_TO_LETTER = ("confirm_destination", "submit", "issue_letter")
_TO_ARRIVAL = (*_TO_LETTER, "record_arrival")
_TO_ACCEPTANCE = (*_TO_ARRIVAL, "accept")


@dataclass(frozen=True)
class Scene:
    """One move: who leaves whence and for where, what is reported, the commands it has seen, and
    how long it rests.
    """

    branch: str
    home: str
    report: tuple[str, dict[str, Any]]
    commands: tuple[str, ...] = ()
    rests_days: int = 2
    last: tuple[str, str, dict[str, Any]] | None = None  # command, by whom, with what
    step_days: int = field(default=2)


SCENES = (
    Scene(_UNIT_BRANCH, _COMMUNITY, _RETIRED),  # the branch confirms
    Scene(_UNIT_BRANCH, _COMMUNITY, _RETIRED, ("confirm_destination",)),  # the branch submits
    Scene(
        _UNIT_BRANCH, _NEIGHBOUR, _MOVED, ("confirm_destination", "submit"), rests_days=1
    ),  # the unit issues
    Scene(
        _WORKSHOP, _COMMUNITY, _MOVED, _TO_LETTER, rests_days=6
    ),  # the community records the arrival
    Scene(_WORKSHOP, _NEIGHBOUR, _MOVED, _TO_LETTER, rests_days=3),  # so does its neighbour
    Scene(
        _WORKSHOP, _NEIGHBOUR, _MOVED, _TO_ACCEPTANCE, rests_days=1
    ),  # and places whom the street accepted
    Scene(
        _WORKSHOP,
        _COMMUNITY,
        _MOVED,
        _TO_LETTER,
        rests_days=1,
        last=(
            "ask",
            _UNIT,
            {"organisation": _COMMUNITY, "text": "该同志电话已换，是否已到社区报到？请告知。"},
        ),
    ),
    Scene(_WORKSHOP, _COMMUNITY, _MOVED, _TO_ARRIVAL, rests_days=1),  # the street accepts
    Scene(
        _WORKSHOP, _COMMUNITY, _MOVED, _TO_ACCEPTANCE, rests_days=2
    ),  # the community places, the street sends a receipt
    Scene(
        _UNIT_BRANCH,
        _COMMUNITY,
        _RETIRED,
        _TO_ACCEPTANCE,
        rests_days=3,
        last=("place", _COMMUNITY, {"branch": _COMMUNITY_BRANCH}),
    ),  # its branch talks
    Scene(
        _WORKSHOP,
        _NEIGHBOUR,
        _MOVED,
        _TO_ARRIVAL,
        rests_days=2,
        last=("refuse", _STREET, {"reason": "本人户籍与住址均不在本街道"}),
    ),  # the department rules
    Scene(_WORKSHOP, _COMMUNITY, _BELONGS_ELSEWHERE),  # lives here, belongs to a unit
    Scene(
        _WORKSHOP,
        _COMMUNITY,
        _NO_FIXED_PLACE,
        rests_days=4,
        last=(
            "register_floating",
            _WORKSHOP,
            {"permit_no": "LD-2026-0417", "host": _COMMUNITY, "host_contact": "社区书记"},
        ),
    ),
)


def played(app: App, end: datetime, post: Post, command: Command) -> Iterator[Plan]:
    """(when, what) of every scene, so that each comes to rest as many days before `end` as it
    says.
    """
    used: dict[str, int] = {}
    for number, scene in enumerate(SCENES):
        place = used[scene.branch] = used.get(scene.branch, _FIRST_MEMBER - 1) + 1
        yield from _scene(app, end, number, scene, place, post, command)
    yield from _doubtful_arrival(app, end - timedelta(days=1), post)


def _scene(  # noqa: PLR0913
    app: App, end: datetime, number: int, scene: Scene, place: int, post: Post, command: Command
) -> Iterator[Plan]:
    person = _member(app, scene.branch, place)
    ident, source = f"demo-scene-{number:02}", SOURCE_PREFIX + scene.branch
    steps = len(scene.commands) + (1 if scene.last else 0)
    begin = (
        end
        - timedelta(days=scene.rests_days + steps * scene.step_days)
        - _HOUR
        + timedelta(minutes=number)
    )
    kind, circumstances = scene.report
    event = departure(kind, source, ident, begin, person, _address(app, scene.home, number))
    event["data"]["circumstances"] = circumstances
    yield begin, lambda: post(app, scene.branch, event)
    at = begin
    for name in scene.commands:
        at += timedelta(days=scene.step_days)
        yield at, lambda name=name: command(app, source, ident, name)
    if scene.last:
        at += timedelta(days=scene.step_days)
        name, by, given = scene.last
        yield at, lambda: command(app, source, ident, name, by, given)


def _doubtful_arrival(app: App, begin: datetime, post: Post) -> Iterator[Plan]:
    """Somebody whom the community met, by a name and a telephone of two members of its own: it
    decides who that is.
    """
    person, other = _member(app, _COMMUNITY_BRANCH, 0), _member(app, _COMMUNITY_BRANCH, 1)
    event = {
        "specversion": "1.0",
        "type": "guidui.host.report.v1",
        "source": SOURCE_PREFIX + _COMMUNITY,
        "id": "demo-scene-report",
        "time": begin.isoformat(),
        "data": {
            "person": {"name": person.name, "phone": other.phone},
            "to": {"address": _address(app, _COMMUNITY, len(SCENES))},
        },
    }
    yield begin, lambda: post(app, _COMMUNITY, event)


def departure(
    kind: str, source: str, ident: str, begin: datetime, person: Any, address: str
) -> dict[str, Any]:
    """The event that a member moves to an address from a moment on."""
    return {
        "specversion": "1.0",
        "type": kind,
        "source": source,
        "id": ident,
        "time": begin.isoformat(),
        "data": {
            "effective_on": begin.date().isoformat(),
            "person": {"name": person.name, "id_number": person.id_number},
            "to": {"address": address},
        },
    }


def _member(app: App, branch: str, place: int) -> Any:
    with app.worker.connect() as tx:
        return rows(
            tx,
            "SELECT name, id_number, phone FROM member WHERE organisation = :branch AND standing "
            "= 'normal' "
            "AND id_number IS NOT NULL AND phone IS NOT NULL ORDER BY member LIMIT 1 OFFSET :place",
            {"branch": branch, "place": place},
        )[0]


def _address(app: App, home: str, number: int) -> str:
    with app.worker.connect() as tx:
        area = rows(tx, "SELECT area FROM organisation WHERE code = :home", {"home": home})[0].area
        names = [
            rows(tx, "SELECT name FROM division WHERE code = :code", {"code": code})[0].name
            for code in (area[:6], area[:9], area)
        ]
    return f"甘肃省兰州市{''.join(names)}{number + 1}号楼"
