"""Whatever systems send to the calls under /v1: no answer of 500 or above, each as /openapi.json describes it, and every
refusal says why."""
from __future__ import annotations

import re

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.cases.states import COMMANDS
from tests.portal.town import CAST, ROAD

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]
EXAMPLES_MAX = 15
INTAKE = "/v1/events"


def _operations(url: str) -> list:
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    found = [one.ok() for one in schema.get_all_operations()]
    return [one for one in found if one.path.startswith("/v1/") and not one.path.startswith(INTAKE)]


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
def test_answers_are_as_described_whatever_is_sent(town, url, mode):
    case, key = town.leaves(1, upto="record_arrival"), town.key(CAST["admin"][0], "admin")
    done, operations = set(), _operations(url)
    for operation in operations:
        @settings(max_examples=EXAMPLES_MAX, deadline=None, suppress_health_check=list(HealthCheck),
                  phases=[Phase.generate], database=None, derandomize=True)
        @given(operation.as_strategy(generation_mode=mode))
        def run(call) -> None:
            if "case_id" in (call.path_parameters or {}):
                call.path_parameters["case_id"] = case  # a call about nothing is refused before it is read
            answer = call.call_and_validate(headers={"Authorization": f"Bearer {key}"}, checks=CHECKS)
            if answer.status_code < 400:
                done.add(operation.label)
            else:
                assert re.search("[\u4e00-\u9fff]", answer.json()["detail"])

        run()
    assert "GET /v1/cases/{case_id}" in done and len(operations) > 50


def test_every_command_is_described_with_its_fields(town, url):
    """A system that reads /openapi.json alone can take a case along its whole road."""
    [operation] = [one for one in _operations(url) if one.path == "/v1/cases/{case_id}/commands"]
    raw = operation.definition.raw["requestBody"]["content"]["application/json"]["schema"]
    assert [one["title"] for one in raw["oneOf"]] == list(COMMANDS)
    described = Draft202012Validator(raw)
    for _, command, fields in ROAD:
        assert described.is_valid({"command": command, "seen_state": "triaged", **fields}), command
    assert not described.is_valid({"command": "accept"}) and not described.is_valid({"command": "refuse", "seen_state": "arrived"})
