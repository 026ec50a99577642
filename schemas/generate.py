"""Writes schemas/json/*.json and schemas/asyncapi.yaml from the models:
`python -m schemas.generate`.

A test compares the files with what this makes, so a changed model comes with its changed files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from schemas.answers import EventsAnswer, HowFar, Problem
from schemas.cases import CaseMoved, EventPosted
from schemas.departures import EVENTS
from schemas.envelope import SOURCE, Envelope
from schemas.examples import EXAMPLES
from schemas.notices import TasksOpened
from schemas.topics import CASE_MOVED, EVENT_POSTED, INGRESS, TASK_OPENED, TOPICS, Topic

FOLDER = Path(__file__).parent
ASYNCAPI = "asyncapi.yaml"
BODIES: dict[str, type[BaseModel]] = {
    EVENT_POSTED: EventPosted,
    CASE_MOVED: CaseMoved,
    TASK_OPENED: TasksOpened,
}
ANSWERS: dict[str, type[BaseModel]] = {
    "events-answer": EventsAnswer,
    "how-far": HowFar,
    "problem": Problem,
}
_COMPONENT = "#/components/schemas/{model}"


class _Plain(yaml.SafeDumper):
    """YAML without anchors: the same example may stand in several places."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def files() -> dict[str, str]:
    """Every generated file: path below schemas/ -> text."""
    made = {
        f"json/{name}.json": _dumped(_schema(model, EXAMPLES.get(name, ())))
        for name, model in {**EVENTS, **BODIES, **ANSWERS, "envelope": Envelope}.items()
    }
    made[ASYNCAPI] = yaml.dump(
        asyncapi(), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110
    )
    return made


def asyncapi() -> dict[str, Any]:
    """AsyncAPI 3.1 (https://www.asyncapi.com/docs/reference/specification/v3.1.0) of all four
    topics.
    """
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "guidui",
            "version": "1",
            "license": {"name": "Apache-2.0"},
            "description": "归队: CloudEvents 1.0, structured mode, JSON. "
            "Only ingress carries persons.",
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": _operations(),
        "components": {"messages": _messages(), "schemas": _schemas()},
    }


def _channel(topic: Topic) -> dict[str, Any]:
    kinds = list(EVENTS) if topic.name == INGRESS else topic.types
    kept = {"retention.ms": topic.hours * 3_600_000}
    return {
        "address": topic.name,
        "description": f"Key: {topic.key}. Kept for {topic.hours} hours. {topic.about}".strip(),
        "messages": {
            _name(kind): {"$ref": f"#/components/messages/{_name(kind)}"} for kind in kinds
        },
        "bindings": {
            "kafka": {"topic": topic.name, "topicConfiguration": kept, "bindingVersion": "0.5.0"}
        },
    }


def _operations() -> dict[str, Any]:
    made = {}
    for topic in TOPICS:
        channel = {"$ref": f"#/channels/{topic.name}"}
        if topic.name != INGRESS:
            made[f"publish-{topic.name}"] = {
                "action": "send",
                "channel": channel,
                "summary": "relay",
            }
        made[f"consume-{topic.name}"] = {
            "action": "receive",
            "channel": channel,
            "summary": ", ".join(topic.consumers),
        }
    return made


def _messages() -> dict[str, Any]:
    made: dict[str, dict[str, Any]] = {}
    for kind, model in EVENTS.items():
        made[_name(kind)] = {
            "name": kind,
            "payload": {"$ref": _COMPONENT.format(model=model.__name__)},
            "examples": [{"payload": example} for example in EXAMPLES[kind]],
        }
    for kind, model in BODIES.items():
        data = {"$ref": _COMPONENT.format(model=model.__name__)}
        body = {"properties": {"type": {"const": kind}, "data": data}}
        made[_name(kind)] = {
            "name": kind,
            "payload": {"allOf": [{"$ref": _COMPONENT.format(model="Envelope")}, body]},
            "examples": [{"payload": _enveloped(kind, example)} for example in EXAMPLES[kind]],
        }
    return made


def _enveloped(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "6f1f1d0e-0000-5000-8000-0000000000e1",
        "source": SOURCE,
        "type": kind,
        "time": "2026-07-02T09:30:00+08:00",
        "datacontenttype": "application/json",
        "partitionkey": str(body.get("case") or body.get("member") or "5d41402abc4b2a76"),
        "data": body,
    }


def _schemas() -> dict[str, Any]:
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (model, "validation") for model in (*EVENTS.values(), *BODIES.values(), Envelope)
    ]
    return models_json_schema(models, ref_template=_COMPONENT)[1]["$defs"]


def _name(kind: str) -> str:
    return kind.removeprefix("guidui.").replace(".", "-")


def _schema(model: type[BaseModel], examples: Any) -> dict[str, Any]:
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
    return made | ({"examples": list(examples)} if examples else {})


def _dumped(schema: dict[str, Any]) -> str:
    return json.dumps(schema, ensure_ascii=False, indent=1) + "\n"


def main() -> None:
    """Writes the files and removes those that no model has any more."""
    made = files()
    (FOLDER / "json").mkdir(exist_ok=True)
    for old in (FOLDER / "json").glob("*.json"):
        if f"json/{old.name}" not in made:
            old.unlink()
    for path, text in made.items():
        (FOLDER / path).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
