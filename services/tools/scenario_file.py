"""A scenario as a file gives it (interface.md §6), checked before anything of it is played."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from schemas.days import NoDay, read_moment
from services.cases.deadlines.calendar import Calendar
from services.cases.policy import values as policy
from services.cases.policy.file import Values
from services.cases.policy.values import PolicyError
from services.cases.routing.rule_source import RuleSource

LISTS = ("organisations", "members", "contacts", "grids")
SHOWN = ("case", "alerts", "member", "audit")


class NotAScenario(ValueError):
    """The file is not a scenario; says which part of it, and why."""


@dataclass(frozen=True)
class Scenario:
    """A readable scenario: `world` and `steps` have the form that the stage relies on."""

    name: Any
    start: datetime
    world: Mapping[str, Any]
    rule_source: RuleSource
    steps: Sequence[Mapping[str, Any]]


def read(file: Path) -> Scenario:
    """The scenario in a file; raises NotAScenario."""
    try:
        given = json.loads(file.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise NotAScenario(
            f"{file.name} cannot be read as JSON: {error or type(error).__name__}"
        ) from error
    try:
        return scenario(given)
    except NotAScenario as fault:
        raise NotAScenario(f"{file.name}: {fault}") from fault


def scenario(given: Any) -> Scenario:
    """The scenario in parsed JSON; raises NotAScenario."""
    _must(isinstance(given, dict), "a scenario is an object with start, world and steps")
    start = _moment(given.get("start"), "start")
    world, steps = given.get("world"), given.get("steps")
    _must(isinstance(world, dict), "world must be an object")
    for name in LISTS:
        _must(_objects(world.get(name) or []), f"world.{name} must be a list of objects")
    _must(
        all("member" in member for member in world.get("members") or []),
        "world.members: each needs a member",
    )
    _must(_objects(steps), "steps must be a list of objects")
    for index, step in enumerate(steps):
        _check_step(index, step)
    return Scenario(given.get("name"), start, world, _ground(given, world), steps)


def _ground(given: Mapping[str, Any], world: Mapping[str, Any]) -> RuleSource:
    changes = world.get("policy") or given.get("policy") or {}
    try:
        Values.model_validate_json(json.dumps(changes))
        numbers = policy.default().override(changes)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise NotAScenario(f"policy.{place}: {first['msg']}") from error
    except PolicyError as error:
        raise NotAScenario(f"policy: {error}") from error
    rest = world.get("calendar") or {}
    _must(isinstance(rest, dict), "world.calendar must be an object")
    try:
        return RuleSource(numbers, Calendar.of(rest.get("holidays", ()), rest.get("workdays", ())))
    except (NoDay, TypeError) as error:
        raise NotAScenario(f"world.calendar: each day {error}") from error


def _check_step(index: int, step: Mapping[str, Any]) -> None:
    place = f"steps[{index}]"
    _moment(step.get("at"), f"{place}.at")
    kinds = [kind for kind in ("event", "do", "show") if kind in step]
    _must(len(kinds) == 1, f"{place} must have exactly one of event, do, show")
    if "event" in step:
        _must(isinstance(step["event"], dict), f"{place}.event must be an object")
        _must(isinstance(step.get("as", ""), str), f"{place}.as must be a name")
    elif "show" in step:
        shown = step["show"]
        named = isinstance(shown, dict) and [
            name for name in SHOWN if isinstance(shown.get(name), str)
        ]
        _must(named, f"{place}.show must name one of {', '.join(SHOWN)}")
    else:
        _must(isinstance(step["do"], str), f"{place}.do must be the name of a command")
        _must(isinstance(step.get("case"), str), f"{place}.case must be the name of a case")
        _must(
            isinstance(step.get("by") or "", str), f"{place}.by must be the code of an organisation"
        )
        _must(isinstance(step.get("with") or {}, dict), f"{place}.with must be an object")


def _objects(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, dict) for item in value)


def _moment(text: Any, place: str) -> datetime:
    try:
        moment = read_moment(text)
    except NoDay as fault:
        raise NotAScenario(f"{place} {fault}") from fault
    _must(moment.tzinfo is not None, f"{place} must say its zone, such as +08:00")
    return moment


def _must(holds: Any, sentence: str) -> None:
    if not holds:
        raise NotAScenario(sentence)
