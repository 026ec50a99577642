"""The bodies of commands: what a command takes is described from the table of its form
(``services.portal.pages.fields``), and read by the command itself.

The description is one generated schema, not 42 models: which field is missing or wrong is said
only once the caller is known to see the case and the case to stand where it was seen, and that
order (404, then 409, then 422) a model that reads the body beforehand could not keep. What every
command takes alike, its name and the state that was seen, is a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from pydantic import ConfigDict

from services.cases.commands import receiving
from services.cases.model import states
from services.kit.errors import Refused, Text
from services.portal.api.bodies import JsonBody
from services.portal.pages.fields import FACTS, FIELDS, Field
from services.portal.receipts import RECORDING

Schema = dict[str, Any]
Fields = dict[str, Schema]

_NO_COMMAND = Text("缺少 command，请写明办理动作。", "command is missing: name the act.")
_NO_STATE = Text(
    "缺少 seen_state，请写明所看到的状态，以免办理时情况已变。",
    "seen_state is missing: name the state you saw, lest it has changed meanwhile.",
)
_NOT_RECORDING = Text(
    f"command 应为其一：{'、'.join(RECORDING)}。", f"command is one of {', '.join(RECORDING)}."
)

_TEXT: Schema = {"type": "string", "minLength": 1}
_DAY: Schema = {"type": "string", "format": "date"}
_CODE: Schema = {"type": "string", "pattern": "^[0-9]{12}$"}
_STATE: Schema = {"enum": sorted(states.STATES)}


class Arguments(JsonBody):
    """A command's own fields beside those that every command has."""

    model_config = ConfigDict(extra="allow")

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The fields of the command, as they were sent."""
        return self.model_extra or {}


class Command(Arguments):
    """A command to a case, and the state in which its sender saw the case."""

    command: str
    seen_state: str

    @classmethod
    def refusal(cls, field: str) -> Refused:
        """422 with the sentence of the field."""
        words = _NO_COMMAND if field == "command" else _NO_STATE
        return Refused(422, "field-missing", words, field=field)

    @classmethod
    def described(cls) -> Schema:
        """One schema a command."""
        return {"oneOf": [_command(name) for name in states.COMMANDS]}


class Receipt(Arguments):
    """Recording the receipt that a photo or scan shows."""

    command: str = RECORDING[0]
    seen_state: str

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Receipt:
        """The body; raises Refused also for a command that records no receipt."""
        if given.get("command", RECORDING[0]) not in RECORDING:
            raise cls.refusal("command")
        return super().read(given)

    @classmethod
    def refusal(cls, field: str) -> Refused:
        """422 with the sentence of the field."""
        if field == "command":
            return Refused(422, "bad-field", _NOT_RECORDING, field=field)
        return Refused(422, "field-missing", _NO_STATE, field=field)

    @classmethod
    def described(cls) -> Schema:
        """The fields of either command that records a receipt, all of them optional."""
        optional: Fields = {"command": {"enum": list(RECORDING)}}
        for command in RECORDING:
            needed, more = _fields(command)
            optional |= needed | more
        return _object({"seen_state": _STATE}, optional)


class Order(JsonBody):
    """One act for all of a batch; the order says itself what is wrong with it."""

    model_config = ConfigDict(extra="allow")

    needed: ClassVar[tuple[str, ...]] = ("order",)

    @property
    def given(self) -> Mapping[str, Any]:
        """What was sent: ``order``, ``with``, ``start_on``."""
        return self.model_extra or {}

    @classmethod
    def described(cls) -> Schema:
        """The act, its own fields under ``with``, and the day from which on."""
        return _object({"order": {"enum": list(receiving.ORDERS)}}, _WITH)


_WITH: Fields = {"with": {"type": "object"}, "start_on": _DAY}


def _object(required: Fields, optional: Fields) -> Schema:
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
    }


def _command(name: str) -> Schema:
    """What one command takes."""
    needed, optional = _fields(name)
    if name == "triage":  # taken over from a report, the category may be left out
        optional = {**optional, **needed, "from_report": _TEXT}
        needed = {}
    fixed: Fields = {"command": {"const": name}, "seen_state": _STATE}
    return {
        "title": name,
        "description": states.COMMANDS[name][1],
        **_object({**fixed, **needed}, optional),
    }


def _fields(command: str) -> tuple[Fields, Fields]:
    """(needed, optional) fields of a command; those asked for only beside a certain choice are
    optional.
    """
    if command == "give_to_all":
        return {"order": {"enum": list(states.TO_ALL)}}, _WITH
    needed: Fields = {}
    optional: Fields = {}
    for field in _sent_by_systems(command):
        always = field.required and not field.only_with
        fields = needed if always else optional
        fields[field.name] = _field(command, field)
    return needed, optional


def _sent_by_systems(command: str) -> Iterable[Field]:
    """The fields of a command's form; a system gives a reason of its own as the reason itself."""
    return [field for field in FIELDS[command] if field.name != "other_reason"]


def _field(command: str, field: Field) -> Schema:
    if field.kind == "fixed":
        return {"const": field.value}
    if command == "refuse" and field.name == "reason":
        listed = ", ".join(states.REFUSAL_REASONS)
        return {
            "type": "string",
            "description": f"one of {listed}; any other text is unlisted",
        }
    if field.kind == "choice":
        return {"enum": [value for value, _ in field.choices if value]}
    return _KINDS[field.kind]


def _circumstances() -> Schema:
    """The circumstances of a departure: truths, numbers, words out of a few."""
    described: Fields = {}
    for name, (_, answers) in FACTS.items():
        values = [value for value, _ in answers]
        if not values:
            described[name] = {"type": "number"}
        elif values == ["true", "false"]:
            described[name] = {"type": "boolean"}
        else:
            described[name] = {"enum": values}
    return _object({}, described)


_KINDS: Mapping[str, Schema] = {
    "text": _TEXT,
    "long": _TEXT,
    "lines": {"type": "array", "items": _TEXT, "minItems": 1},
    "day": _DAY,
    "month": {"type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$"},
    "number": {"type": "integer"},
    "yes": {"type": "boolean"},
    "organisation": _CODE,
    "branch": _CODE,
    "facts": _circumstances(),
}
