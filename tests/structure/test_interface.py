"""docs/interface.md names every command, option, kind, bench, call, field, state and alert that
there is, and no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import MagicMock

import pytest
import typer

from schemas.departures import EVENTS
from services.cases.commands import rights
from services.cases.deadlines.tasks import ALERT_ONLY
from services.cases.model import states
from services.cli import KINDS, cli
from services.intake.app import Serving, build
from services.kit.clock import SystemClock
from services.portal.api.models import cases as case_models
from services.portal.app import routers
from services.portal.pages.sentences import TASKS
from services.registry.access import ROLES
from services.registry.file_schemas import KINDS as FILES
from services.tools.bench.command import NAMES

PAGE = (Path(__file__).parents[2] / "docs/interface.md").read_text("utf-8")
EVERYWHERE = {"--help", "--data"}


def section(title: str) -> str:
    """The text of one numbered section."""
    return re.search(
        rf"^## {re.escape(title)}.*?\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL
    )[1]


def code(text: str) -> str:
    """All that stands in code quotes or code blocks, one after the other."""
    blocks = re.findall(r"```.*?```", text, re.DOTALL)
    quotes = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return "\n".join([*blocks, *quotes])


def commands(group: typer.core.TyperGroup, before: str = "") -> Iterator[tuple[str, set[str]]]:
    """Every command with its options, as somebody types it."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")
        else:
            options = {
                option
                for parameter in command.params
                for option in parameter.opts
                if option.startswith("--")
            }
            yield before + name, options - EVERYWHERE


COMMANDS = dict(commands(typer.main.get_command(cli)))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_stands_there_with_its_options(command):
    written = re.findall(rf"`({re.escape(command)}(?: [^`]*)?)`", section("1."))
    assert written, f"§1 does not name `{command}`"
    told = set(re.findall(r"--[a-z-]+", " ".join(written))) - EVERYWHERE
    assert told == COMMANDS[command]


def test_no_command_stands_there_that_is_none():
    first_words = {command.split()[0] for command in COMMANDS}
    rows = re.findall(r"^\| (`[^|]+)\|", section("1."), re.MULTILINE)
    named = {
        word.split()[0]
        for row in rows
        for word in re.findall(r"`([^`]+)`", row)
        if word[0].islower()
    }
    assert named <= first_words


def listed(after: str, text: str) -> set[str]:
    """The words of the list in code quotes that follows some words."""
    return set(re.findall(r"[a-z0-9_-]+", re.search(re.escape(after) + r"[^`]*`([^`]+)`", text)[1]))


def test_kinds_benches_and_roles_are_all_named():
    assert listed("KIND =", section("1.")) == set(KINDS)
    assert listed("`bench NAME [--json] [--scale X]` |", section("1.")) == set(NAMES)
    assert set(
        re.search(r"--role ([a-z|\\]+)", section("1."))[1].replace("\\", "").split("|")
    ) == set(ROLES)


@pytest.mark.parametrize("kind", ["organisations", "members", "contacts", "grids", "letters"])
def test_every_column_is_named(kind):
    line = re.search(rf"^- `{kind}.csv`(.*)$", section("2."), re.MULTILINE)[1]
    assert set(FILES[kind].columns) <= set(re.findall(r"[a-z_]+", code(line)))


def application():
    """The whole application, with nothing behind it: only its table of routes is read."""
    return build(MagicMock(), SystemClock(), b"secret", serving=Serving(routers=routers()))


def described_calls() -> dict[str, dict]:
    """Every call under /v1, arguments in its path as `{}`, with its description."""
    described = {}
    for path, methods in application().openapi()["paths"].items():
        if path.startswith("/v1/"):
            for method, operation in methods.items():
                described[call_named(method.upper(), path)] = operation
    return described


def call_named(method: str, path: str) -> str:
    """Method and path of a call, arguments in the path as `{}`."""
    return f"{method} {re.sub(r'{[^}]*}', '{}', path)}"


CALLS = described_calls()


def calls_named() -> set[str]:
    """The same as the page has them: `GET /v1/x`, `POST /v1/y`."""
    named = set()
    for words in code(PAGE).splitlines():
        call = re.match(r"(GET|POST|PUT|DELETE) (/v1/[^\s?]*)", words)
        if call:
            named.add(call_named(call[1], call[2]))
    return named


def test_every_call_stands_there_and_no_other():
    assert calls_named() == set(CALLS)


def calls_in_tables() -> dict[str, tuple[set[str], str | None]]:
    """Call -> (what it takes in the query, what it takes as JSON), from the tables of §3 and §8."""
    told: dict[str, tuple[set[str], str | None]] = {}
    rows = re.findall(r"^\| (`(?:[^|\\]|\\.)*)\|", section("3.") + section("8."), re.MULTILINE)
    for row in rows:
        last = ""
        for quote in re.findall(r"`([^`]+)`", row):
            call = re.match(r"(GET|POST) (/v1/[^\s?]*)", quote)
            if call:
                last = call_named(call[1], call[2])
                told[last] = (set(), None)
            if call or quote.startswith("?"):
                told[last][0].update(re.findall(r"[?&]([a-z_]+)=", quote))
            elif quote.startswith("{") and told[last][1] is None:
                told[last] = (told[last][0], quote)
    return told


TABLES = calls_in_tables()
OF_EVERY_LIST = {"limit", "cursor", "offset"}


@pytest.mark.parametrize("call", CALLS)
def test_the_query_of_every_call_is_named(call):
    taken = {part["name"] for part in CALLS[call].get("parameters", ()) if part["in"] == "query"}
    assert TABLES[call][0] == taken - OF_EVERY_LIST


def json_of(call: str) -> dict:
    """The schema of what a call takes as JSON."""
    content = CALLS[call].get("requestBody", {}).get("content", {})
    return content.get("application/json", {}).get("schema", {})


WITH_JSON = [call for call in CALLS if "properties" in json_of(call)]
# a roll's columns are told in records.md; what-if takes what a rule has
TOLD_ELSEWHERE = {"POST /v1/comparisons", "POST /v1/rules/what-if"}


@pytest.mark.parametrize("call", sorted(set(WITH_JSON) - TOLD_ELSEWHERE))
def test_the_fields_of_every_body_are_named(call):
    schema, written = json_of(call), TABLES[call][1]
    fields_told = dict(re.findall(r'[{,]"([a-z_]+)"(\??)', written))
    needed = {name for name, mark in fields_told.items() if not mark}
    assert set(schema["required"]) == needed
    if "…" not in written:
        assert set(schema["properties"]) == set(fields_told)


@pytest.mark.parametrize("call", CALLS)
def test_every_answer_has_a_model_or_is_a_file(call):
    done = [answer for status, answer in CALLS[call]["responses"].items() if status < "300"]
    assert done
    for answer in done:
        for content in answer["content"].values():
            schema = content["schema"]
            has_model = "$ref" in schema or "anyOf" in schema
            assert has_model or schema.get("format") == "binary", schema


@pytest.mark.parametrize("name", [*EVENTS, *states.STATES, *TASKS, *sorted(ALERT_ONLY)])
def test_every_event_type_state_task_and_alert_is_named(name):
    assert re.search(rf"\b{re.escape(name)}\b", code(PAGE))


def test_every_command_of_a_case_is_named():
    rows = re.findall(r"^\| ([^|]*) \|", section("6."), re.MULTILINE)
    named = {word for row in rows for word in re.findall(r"`([a-z_]+)`", row)}
    assert named == set(rights.RIGHTS)


def view(title: str, end: str) -> str:
    """What the page says of one view."""
    return code(re.search(rf"{re.escape(title)}.*?{re.escape(end)}", PAGE, re.DOTALL)[0])


def fields(model) -> set[str]:
    """The names of the fields of a model, those of inner models too."""
    schema = model.model_json_schema()
    names: set[str] = set()
    for part in (schema, *schema.get("$defs", {}).values()):
        names |= set(part.get("properties", {}))
    return names


@pytest.mark.parametrize(
    ("model", "title", "end"),
    [
        (case_models.Case, "**Case view**", "**Member view**"),
        (case_models.Alert, "`GET /v1/alerts", "`GET /v1/cases`"),
        (case_models.Audit, "**Audit view**", "States (rules.md"),
    ],
)
def test_every_field_of_an_answer_is_named(model, title, end):
    written = view(title, end)
    unnamed = {name for name in fields(model) if not re.search(rf"\b{name}\b", written)}
    assert not unnamed
