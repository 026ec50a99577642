"""Whatever days senders and people write: what is accepted never makes a loop fail, however the
years pass.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.days import FIRST, LAST
from schemas.departures import EVENTS
from services.app import LOOPS, loops_unready, round_of, set_aside
from services.cases.commands.arguments import Arguments
from services.cases.commands.decide import decide, expire
from services.cases.deadlines import tasks as deadlines
from services.cases.model import states
from services.intake.app import Intake
from services.intake.faults import Invalid
from services.intake.parse import Posted, parse
from services.kit.clock import ZONE
from services.kit.errors import Refused
from tests.cases.cast import ACTORS, GIVEN, WORLD, case_in
from tests.stories import county_service
from tests.stories.county_service import BRANCH, UNIT

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=ZONE)
YEARS_AHEAD = (0, 1, 5, 20, 74, 120)
DAYS = st.one_of(
    st.dates().map(date.isoformat),
    st.dates(FIRST, LAST).map(date.isoformat),
    st.dates(date(2026, 1, 1), date(2028, 1, 1)).map(date.isoformat),
    st.dates().map(lambda day: f"{day:%G-W%V-%u}"),
    st.dates().map(lambda day: f"{day:%Y%m%d}"),
    st.dates().map(lambda day: f"{day.isoformat()}T00:00:00+08:00"),
    st.sampled_from(
        [
            "9999-12-31",
            "0001-01-01",
            "2100-12-31",
            "2101-01-01",
            "1899-12-31",
            "2026-W50-1",
            "2026-02-30",
            "soon",
            "",
        ]
    ),
)
MONTHS = st.one_of(
    DAYS,
    st.dates().map(lambda day: f"{day:%Y-%m}"),
    st.sampled_from(["9999-12", "0000-01", "2026-13", "2099-12"]),
)


def fields_of_days(schema: dict, defs: dict, at: tuple = ()) -> set[tuple]:
    """The paths of all days, months and moments in a JSON schema."""
    if "$ref" in schema:
        return fields_of_days(defs[schema["$ref"].rpartition("/")[2]], defs, at)
    found = (
        {at}
        if schema.get("format") in ("date", "date-time")
        or "[0-9]{2}-(0" in schema.get("pattern", "")
        else set()
    )
    for part in schema.get("anyOf", ()):
        found |= fields_of_days(part, defs, at)
    for name, part in schema.get("properties", {}).items():
        found |= fields_of_days(part, defs, (*at, name))
    if "items" in schema:
        found |= fields_of_days(schema["items"], defs, (*at, 0))
    return found


def _fields() -> list[tuple[str, tuple]]:
    found = []
    for kind, model in EVENTS.items():
        schema = model.model_json_schema()
        found += [
            (kind, path)
            for path in sorted(fields_of_days(schema, schema.get("$defs", {})), key=str)
        ]
    return found


FIELDS = _fields()


def test_every_kind_of_event_has_days():
    assert {kind for kind, _ in FIELDS} == set(EVENTS)
    assert {
        ("data", "on"),
        ("data", "paid_to"),
        ("data", "effective_on"),
        ("data", "to", "since"),
        ("time",),
        ("data", "person", "birth_date"),
        ("data", "effective_to"),
        ("data", "founded", "effective_from"),
        ("data", "persons", 0, "person", "birth_date"),
    } <= {path for _, path in FIELDS}


def with_day(kind: str, path: tuple, value: str, ident: str) -> dict[str, Any]:
    """An event of that kind about a member of the town, with that day."""
    number = abs(hash(ident)) % 12
    person = {"name": county_service.name(number), "id_number": county_service.id_number(number)}
    data: dict[str, Any] = {"person": person}
    if kind.endswith("organisation.changed.v1"):
        founded = {
            "code": "330602010777",
            "name": "某支部",
            "kind": "branch",
            "unit": "organ",
            "parent": UNIT,
        }
        data = (
            {"founded": founded}
            if "founded" in path
            else {"organisation": BRANCH, "address": "新址"}
        )
    elif kind.endswith("departure.withdrawn.v1"):
        data = {"corrects": "left-0"}
    elif "persons" in path:
        data = {"persons": [{"person": person, "to": {}}]}
    data |= {
        "life.attended": {"on": "2026-11-01"},
        "dues.paid": {"paid_to": "2026-11"},
        "contact.attempt": {"reached": True},
    }.get(kind.removeprefix("guidui.").removesuffix(".v1"), {})
    event = {
        "specversion": "1.0",
        "type": kind,
        "id": ident,
        "source": f"urn:guidui:organisation:{UNIT}",
        "data": data,
    }
    holder: Any = event
    for step in path[:-1]:
        if isinstance(holder, dict) and step not in holder:
            holder[step] = {}
        holder = holder[step]
    holder[path[-1]] = value
    return event


@settings(max_examples=1500, deadline=None)
@given(st.sampled_from(FIELDS), st.one_of(DAYS, MONTHS))
def test_what_intake_takes_has_days_within_bounds(field, value):
    kind, path = field
    try:
        posted = parse(with_day(kind, path, value, "e"), b"s", NOW)
    except Invalid as refused:
        assert refused.words().zh and refused.words().en
        return
    assert isinstance(posted, Posted)
    if path[-1] in ("on", "paid_to"):
        assert value[:7] >= "1900" and value <= ("2026-11-24" if path[-1] == "on" else "2027-11")
    elif path != ("time",):
        assert FIRST <= date.fromisoformat(value) <= LAST and len(value) == 10


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(st.sampled_from(FIELDS), st.one_of(DAYS, MONTHS)), min_size=20, max_size=40)
)
def test_no_posted_day_makes_a_loop_fail(town, posted):
    intake = Intake(town.app.web, town.clock, town.app.secret)
    events = [
        with_day(kind, path, value, f"e-{town.clock.now():%Y%m%d%H%M%S}-{n}")
        for n, ((kind, path), value) in enumerate(posted)
    ]
    intake.post(town.caller(UNIT, "sender"), events)
    town.tailers.drain()
    for years in (1, 4):
        town.clock.advance_to(town.clock.now() + timedelta(days=365 * years))
        for loop in LOOPS:
            round_of(town.app, loop)
        town.tailers.drain()
    assert set_aside(town.app) == {} and loops_unready(town.app) == {}


def days_of_commands() -> list[tuple[str, str, str]]:
    """(state, command, field): every day or month that a command asks for, found by giving it
    everything else.
    """
    found, asked = set(), []
    day, month = Arguments.day, Arguments.month

    def note_day(self, name, **how):
        asked.append(name)
        return day(self, name, **how)

    def note_month(self, name, **how):
        asked.append(name)
        return month(self, name, **how)

    Arguments.day, Arguments.month = note_day, note_month
    try:
        for state, command in states.TRANSITIONS:
            for args in variants(command) if state and command in states.COMMANDS else ():
                asked.clear()
                given_by_anyone(state, command, args)
                found |= {(state, command, name) for name in asked}
    finally:
        Arguments.day, Arguments.month = day, month
    return sorted(found)


def variants(command: str) -> list[dict[str, Any]]:
    args = GIVEN.get(command, {})
    if command != "rule":
        return [args]
    return [args, {"decision": "stay", "meeting_on": "2026-03-20", "review_on": "2027-03-20"}]


def given_by_anyone(state: str, command: str, args: dict[str, Any]):
    """The move, given by whoever may; None where it is refused."""
    case = case_in(state, command)
    for actor in ACTORS:
        try:
            return decide(case, command, actor, args, WORLD)
        except Refused as refused:
            assert refused.words.zh and refused.words.en and 400 <= refused.status < 500
    return None


COMMAND_DAYS = days_of_commands()


def test_the_days_of_commands_are_found():
    assert {
        "review_on",
        "meeting_on",
        "on",
        "accepted_on",
        "due_on",
        "start_on",
        "dues_paid_to",
    } <= {name for _, _, name in COMMAND_DAYS}


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(COMMAND_DAYS), st.one_of(DAYS, MONTHS))
def test_no_day_of_a_command_makes_the_clock_fail(field, value):
    state, command, name = field
    for args in variants(command):
        move = given_by_anyone(state, command, {**args, name: value})
        if move is None:
            continue
        for years in YEARS_AHEAD:
            later = replace(WORLD, now=WORLD.now.replace(year=WORLD.now.year + years))
            case = move.case
            if deadlines.expired(case, later):
                case = expire(case, later).case
            deadlines.settle(case, later)
            deadlines.tasks(case, later)
            deadlines.wake_at(case, later)
            deadlines.flags(case, later.today)


@pytest.mark.parametrize(
    "value",
    [
        "2026-W50-1",
        "20261201",
        "2101-01-01",
        "9999-12-31",
        "2026-12-01T00:00:00",
        20261201,
        ["2026-12-01"],
    ],
)
def test_an_order_to_a_batch_begins_on_a_plain_day(value):
    for actor in ACTORS:
        with pytest.raises(Refused) as refused:
            decide(
                case_in(states.BULK_OPEN),
                "give_to_all",
                actor,
                {"order": "submit", "start_on": value},
                WORLD,
            )
        assert refused.value.status in (403, 422)
