"""Whatever is sent: no answer of 500 or above, and every answer is one that /openapi.json
describes.
"""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from schemas.departures import SOURCE_PREFIX
from tests.intake.conftest import UNIT

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]
EXAMPLES_MAX = 80


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), [("/v1/events", "POST"), ("/v1/events/{id}", "GET")])
def test_answers_are_as_described_whatever_is_sent(url, key, mode, path, method):
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    strategy = schema[path][method].as_strategy(generation_mode=mode)

    @settings(
        max_examples=EXAMPLES_MAX,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
        database=None,
        derandomize=True,
    )
    @given(strategy)
    def run(case) -> None:
        _send_in_own_name(case)
        case.call_and_validate(headers={"Authorization": f"Bearer {key}"}, checks=CHECKS)

    run()


def _send_in_own_name(case) -> None:
    """Most made-up sources would be refused before anything else is read."""
    for event in case.body if isinstance(case.body, list) else [case.body]:
        if isinstance(event, dict) and isinstance(event.get("source"), str):
            event["source"] = SOURCE_PREFIX + UNIT
    if case.media_type == "application/json":
        case.headers.update(
            {
                "ce-specversion": "1.0",
                "ce-source": SOURCE_PREFIX + UNIT,
                "ce-id": "1",
                "ce-type": "guidui.departure.effective.v1",
            }
        )
