"""Every route, every command, every argument that names something x every role x one's own, a
foreign and an unknown one.

The table of routes is read from the application and the table of arguments from the commands, so
that a new one is in the matrix by itself. 0 leaks: a foreign object is answered like one that there
is not, nothing of it is shown or changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest
from fastapi.routing import APIRoute

from services.cases.commands.argument_kinds import ARGUMENTS, NAMING, PUBLIC, Kind
from services.cases.model import states
from services.cluster.one_process import application
from services.portal import page
from tests.cases.cast import GIVEN
from tests.security import kinds
from tests.security.attack import (
    Actor,
    Attack,
    Slot,
    Told,
    Unknown,
    called,
    cast,
    own_of,
    parameters,
    plain,
    routes,
    unknown_of,
)
from tests.security.kinds import Public, Value
from tests.security.trees import Tree, plant, two_counties

IN_THE_POOL = frozenset(
    {"GET /v1/pool", "GET /pool", "POST /pool"}
)  # members without a destination are shown masked, and may be claimed
CASES_MAX = 3
# after these nobody is signed in any more, or what the county's own things stand on is gone
LAST = ("POST /password", "POST /sign-out")
# who sees whose things though they are foreign: the operator runs the desk of everybody
OPERATORS = frozenset(
    {
        "GET /desk",
        "POST /desk/{letter}/{decision}",
        "GET /v1/dead-letters",
        "POST /v1/dead-letters/{letter}",
    }
)
COMMANDS = "POST /v1/cases/{case_id}/commands"
FORMS = frozenset({"GET /cases/{case_id}/{command}", "POST /cases/{case_id}/{command}"})
# what an argument that names something names in the two counties, and where none is given, what
# names it
NAMES: Mapping[Kind, str] = {
    Kind.CASE: "case",
    Kind.BRANCH: "branch",
    Kind.LETTER: "letter",
    Kind.DEPARTMENT: "organisation",
    Kind.REPORT: "event_of_sender",
}
# where even one's own is answered alike: what is posted of anybody is accepted, and what comes of
# it is decided later; a form that shows nothing of what it is about
ALIKE = frozenset({"POST /departures member", "GET /reviews/{review_id}/undo review_id"})
# leaks known to be mended elsewhere: each must still be there, so that whoever mends it strikes it
# out here
PENDING: Mapping[str, str] = {}


def slots(taken: Mapping[str, Mapping[str, Any]]) -> list[Slot]:
    """The places of a request that name something."""
    return [
        Slot(where, name, kind)
        for where, fields in taken.items()
        for name, kind in fields.items()
        if not isinstance(kind, Value | Public)
    ]


def variants(
    attack: Attack, found: list[Slot], most: int
) -> Iterator[tuple[list[Slot], dict[Slot, str], dict[Slot, str]]]:
    """(what is tried, the foreign objects, as many unknown ones): each place alone, then all of
    them together.
    """
    together = [[slot] for slot in found] if len(found) > 1 else []
    for chosen in [*together, found] if found else []:
        for number in range(min(most, max(choices(attack, slot) for slot in chosen))):
            foreign = {slot: pick(attack, slot, number) for slot in chosen}
            yield (
                chosen,
                foreign,
                {slot: unknown_of(plain(slot.kind), value) for slot, value in foreign.items()},
            )


def choices(attack: Attack, slot: Slot) -> int:
    return len(attack.foreign.objects[plain(slot.kind)])


def pick(attack: Attack, slot: Slot, number: int) -> str:
    there = attack.foreign.objects[plain(slot.kind)]
    return there[number % len(there)]


def acts_of(route: APIRoute, taken: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The route once, or once for each act that it takes under one address."""
    if called(route) in FORMS:
        where, name, values = "path", "command", tuple(states.COMMANDS)
    else:
        where, name, values = kinds.ACTS.get(called(route), ("path", "", ()))
    if not values:
        yield dict(taken)
    for value in values:
        yield {**taken, where: {**taken[where], name: Value(value)}}


def try_route(attack: Attack, route: APIRoute, actors: Iterable[Actor]) -> None:
    """One route by every actor: what is foreign beside what there is not."""
    shown = called(route)
    allowed = attack.foreign.objects["pool"] if shown in IN_THE_POOL else ()
    most = 1 if shown in FORMS else CASES_MAX  # the same page for each of 42 commands
    for taken in acts_of(route, parameters(route)):
        found = slots(taken)
        for actor in actors:
            if "operator" in actor.name and shown in OPERATORS:
                continue
            what = f"{actor.name}: {shown}"
            if not found:
                attack.listed(what, route, actor, taken, allowed)
            for chosen, foreign, unknown in variants(attack, found, most):
                tried = ", ".join(f"{slot.name}={foreign[slot]}" for slot in chosen)
                attack.compare(f"{what} {tried}", route, actor, taken, foreign, unknown)


def reach(attack: Attack, route: APIRoute, actors: Iterable[Actor]) -> list[str]:
    """The places of a route at which one's own object is answered like one that there is not,
    whoever asks.
    """
    asked: set[tuple[str, str]] = set()
    reached: set[tuple[str, str]] = set()
    for taken in acts_of(route, parameters(route)):
        found = list(reversed(slots(taken)))  # what a path names stands longest
        asked |= {(slot.where, slot.name) for slot in found}
        for actor in actors:
            for slot in found:
                if (slot.where, slot.name) in reached:
                    continue
                own = {slot: own_of(attack.own, slot.kind)}
                unknown = {slot: unknown_of(plain(slot.kind), own[slot])}
                if attack.differ(route, actor, taken, own, unknown):
                    reached.add((slot.where, slot.name))
    named = [f"{called(route)} {name}" for _, name in sorted(asked - reached)]
    return [one for one in named if one not in ALIKE]


@pytest.fixture
def attack(town, gazetteer) -> Iterator[Attack]:
    own, foreign = two_counties()
    for tree in (own, foreign):
        plant(town, tree)
    attack = Attack(application(town.app), town, own, foreign)
    yield attack
    attack.close()


def ordered(attack: Attack) -> list[APIRoute]:
    """All routes; those that end a session at the end."""
    return sorted(routes(attack.app), key=lambda route: called(route) in LAST)


def test_nobody_reaches_anything_of_another_county(attack, monkeypatch, capsys):
    keys, people = cast(attack.town, attack.own)
    asked = forms_read(monkeypatch)
    missing, unread = [], []
    kept = attack.kept()
    for route in ordered(attack):
        asked.clear()
        try:
            try_route(attack, route, keys if route.path.startswith("/v1/") else people)
        except Unknown as unknown:
            missing.append(str(unknown))
        if called(route) in kinds.FORM and called(route) not in FORMS:
            unread += [
                f"{called(route)} reads the field {name!r}: say in FORM of "
                f"tests/security/kinds.py what it names"
                for name in sorted(asked - set(kinds.FORM[called(route)]) - {"token"})
                if "." not in name
            ]
        kept = attack.unchanged(called(route), kept)
    missing += give_commands(attack, keys)
    attack.unchanged("commands", kept)
    with capsys.disabled():
        print(
            f"\nattack matrix: {len(ordered(attack))} routes, {len(states.COMMANDS)} commands, "
            f"{len(keys) + len(people)} callers, "
            f"{attack.calls} calls, {attack.compared} pairs of a foreign and an unknown one, "
            f"{len(attack.leaks)} leaks"
        )
    missing += unread
    assert not missing, "\n".join([*missing, *attack.leaks])
    leaks = [leak for leak in attack.leaks if not any(known in leak for known in PENDING)]
    assert not leaks, "\n".join(leaks)
    mended = [known for known in PENDING if not any(known in leak for leak in attack.leaks)]
    assert not mended, f"these leak no more, strike them from PENDING: {mended}"


def test_the_matrix_reaches_what_it_asks_for(attack):
    """One's own object is answered otherwise than one that there is not: else the pairs above
    would prove nothing.
    """
    keys, people = cast(attack.town, attack.own)
    unreached = []
    for route in ordered(attack):
        if called(route) not in (*LAST, COMMANDS):
            unreached += reach(attack, route, keys if route.path.startswith("/v1/") else people)
    assert not unreached, "\n".join(unreached)


def forms_read(monkeypatch) -> set[str]:
    """The fields that pages ask of forms, from now on."""
    asked: set[str] = set()

    class Asked(page.Form):
        def get(self, name, default=None):
            asked.add(name)
            return super().get(name, default)

        def __getitem__(self, name):
            asked.add(name)
            return super().__getitem__(name)

    monkeypatch.setattr("services.portal.page.Form", Asked)
    monkeypatch.setattr("services.portal.upload.Form", Asked)
    return asked


def give_commands(attack: Attack, keys: list[Actor]) -> list[str]:
    """Every command to a foreign case, and every argument of one's own that names something
    foreign.

    Returns what the matrix could not try.
    """
    route = next(one for one in routes(attack.app) if called(one) == COMMANDS)
    unread = []
    for command, declared in ARGUMENTS.items():
        foreign = foreign_case_for(attack.foreign, command)
        slot = Slot("path", "case_id", "case")
        for actor in keys:
            taken = body_of(command, GIVEN[command])
            attack.compare(
                f"{actor.name}: {command} to {foreign}",
                route,
                actor,
                taken,
                {slot: foreign},
                {slot: unknown_of("case", foreign)},
            )
        for name, kind in declared.items():
            if kind in NAMING and not name_foreign(attack, route, keys, command, name, kind):
                unread.append(
                    f"no case that the matrix plants lets {command} read {name}: plant one in "
                    f"tests/security/trees.py"
                )
            elif kind in PUBLIC:
                give_public(attack, route, keys, command, name)
    return unread


def body_of(
    command: str, given: Mapping[str, Any], seen: str | None = None
) -> dict[str, dict[str, Any]]:
    """The parts of a request that gives a command."""
    body = {"command": command, **given} | (
        {"seen_state": seen} if seen else {"seen_state": "triaged"}
    )
    return {
        "path": {"case_id": "case"},
        "query": {},
        "body": {name: Value(value) for name, value in body.items()},
        "form": {},
    }


def foreign_case_for(tree: Tree, command: str) -> str:
    """A foreign case that stands where the command is legal, if there is one."""
    fitting = [
        case for state, case in tree.case_in.items() if (state, command) in states.TRANSITIONS
    ]
    return (fitting or list(tree.case_in.values()))[0]


def cases_for(attack: Attack, command: str) -> list[tuple[str, str]]:
    """(state, case) of one's own that stand where the command is legal."""
    found = [(attack.town.state(case), case) for case in attack.own.case_in.values()]
    return [(state, case) for state, case in found if (state, command) in states.TRANSITIONS]


def name_foreign(
    attack: Attack, route: APIRoute, keys: list[Actor], command: str, name: str, kind: Kind
) -> bool:
    """Whether a case was found whose command reads the argument; the foreign and the unknown one
    compared there.
    """
    read = False
    for state, case in cases_for(attack, command):
        for actor in keys:
            for foreign in attack.foreign.objects[NAMES[kind]][:CASES_MAX]:
                slot = Slot("body", name, NAMES[kind])
                taken = body_of(command, GIVEN[command], state)
                taken["path"] = {"case_id": Value(case)}
                taken["body"][name] = NAMES[kind]
                told: Told = attack.compare(
                    f"{actor.name}: {command} {name}={foreign}",
                    route,
                    actor,
                    taken,
                    {slot: foreign},
                    {slot: unknown_of(NAMES[kind], foreign)},
                )
                read = read or f'"field":"{name}"' in told.text or told.status == 409
    return read


def give_public(
    attack: Attack, route: APIRoute, keys: list[Actor], command: str, name: str
) -> None:
    """An organisation of the register may be named; what comes of it tells nothing of it."""
    for state, case in cases_for(attack, command):
        taken = body_of(command, GIVEN[command], state)
        taken["path"], taken["body"][name] = (
            {"case_id": Value(case)},
            Value(attack.foreign.objects["organisation"][0]),
        )
        answer = attack.send(route, keys[4], attack.fill(taken, {}))
        attack.look(f"{command} {name}", answer)
