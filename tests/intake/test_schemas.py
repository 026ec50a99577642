"""The descriptions are those of the models, and every example in them is true."""

from __future__ import annotations

import json
from datetime import datetime

import jsonschema
import pytest
import yaml

from schemas.departures import EVENTS, SOURCE_PREFIX
from schemas.envelope import Envelope
from schemas.examples import EXAMPLES
from schemas.generate import BODIES, FOLDER, files
from schemas.topics import TOPICS
from services.intake.parse import parse
from services.kit.clock import ZONE
from tests.intake.conftest import UNIT
from tests.intake.served import statuses

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=ZONE)
ASYNCAPI = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text("utf-8"))
POSTED = [(kind, n, example) for kind in EVENTS for n, example in enumerate(EXAMPLES[kind])]


def test_generated_files_are_those_of_the_models():
    made = files()
    found = {f"json/{file.name}" for file in (FOLDER / "json").iterdir()} | {"asyncapi.yaml"}
    assert found == made.keys()
    stale = [path for path, text in made.items() if (FOLDER / path).read_text("utf-8") != text]
    assert not stale, "run python -m schemas.generate"


def test_every_event_type_of_the_interface_has_an_example():
    assert len(EVENTS) == 13 and EVENTS.keys() | BODIES.keys() == EXAMPLES.keys()


@pytest.mark.parametrize(
    ("kind", "n", "example"), POSTED, ids=[f"{kind}-{n}" for kind, n, _ in POSTED]
)
def test_an_example_of_an_event_is_read_and_fits_its_json_schema(kind, n, example):
    assert parse(example, b"secret", NOW).type == kind
    schema = json.loads((FOLDER / "json" / f"{kind}.json").read_text("utf-8"))
    jsonschema.validate(example, schema, format_checker=jsonschema.FormatChecker())


def test_every_example_of_an_event_is_accepted_over_http(sender, worker):
    """All that an enterprise may post: changes of organisations are their department's to say
    (interface.md §7.5).
    """
    own = [example | {"source": SOURCE_PREFIX + UNIT} for _, _, example in POSTED]
    answers = statuses(sender.batch(own))
    changed = [
        "organisation" in example["data"] for example in own
    ]  # a new one below nobody known the matcher judges
    assert any(changed) and answers == ["rejected" if change else "accepted" for change in changed]


@pytest.mark.parametrize("kind", BODIES)
def test_an_example_of_a_message_is_read_by_its_model(kind):
    for example in EXAMPLES[kind]:
        BODIES[kind].model_validate_json(json.dumps(example))


def test_asyncapi_names_every_topic_and_its_references_lead_somewhere():
    assert ASYNCAPI["asyncapi"].startswith("3.1")
    assert ASYNCAPI["channels"].keys() == {topic.name for topic in TOPICS}
    for reference in set(_references(ASYNCAPI)):
        place = ASYNCAPI
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_asyncapi_examples_are_messages():
    for message in ASYNCAPI["components"]["messages"].values():
        model = EVENTS.get(message["name"], Envelope)
        for example in message["examples"]:
            model.model_validate_json(json.dumps(example["payload"]))


def _references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for part in value.values():
            yield from _references(part)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part)
