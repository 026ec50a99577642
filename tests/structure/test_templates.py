"""Templates are read by people: no line is longer than a screen is wide."""

from __future__ import annotations

from pathlib import Path

SERVICES = Path(__file__).parents[2] / "services"
COLUMNS_MAX = 120


def test_no_line_of_a_template_is_too_long():
    templates = [*SERVICES.glob("portal/templates/*"), *SERVICES.glob("notifier/templates/*")]
    assert len(templates) > 50
    too_long = []
    for file in templates:
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
            if len(line) > COLUMNS_MAX:
                too_long.append(f"{file.name}:{number}: {len(line)} columns")
    assert not too_long
