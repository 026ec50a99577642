"""docs/data-formats.md and docs/glossary.md say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.cases.model.states import STATES
from services.registry import file_schemas
from services.registry.file_schemas import KINDS
from services.registry.load import Hooks

DOCS = Path(__file__).parents[2] / "docs"
FORMATS = (DOCS / "data-formats.md").read_text("utf-8")
GLOSSARY = (DOCS / "glossary.md").read_text("utf-8")


def section(kind: str) -> str:
    return re.search(rf"^## {kind}\n(.*?)(?=^## |\Z)", FORMATS, re.MULTILINE | re.DOTALL)[1]


def example(kind: str) -> tuple[str, str]:
    found = re.search(r"```(csv|json)\n(.*?)```", section(kind), re.DOTALL)
    return found[1], found[2]


@pytest.mark.parametrize("kind", KINDS)
def test_every_column_is_told_and_no_other(kind):
    cells = re.findall(r"^\| ([^|]*`[^|]*) \|", section(kind), re.MULTILINE)
    told = [name for cell in cells for name in re.findall("`([a-z_]+)`", cell)]
    assert sorted(told) == sorted(KINDS[kind].columns)
    bold = {name for cell in cells for name in re.findall(r"\*\*`([a-z_]+)`\*\*", cell)}
    assert bold == set(KINDS[kind].needed)


def test_every_example_loads(load_text):
    for kind in (
        "divisions",
        "organisations",
        "members",
        "contacts",
        "grids",
        "confirmed",
        "calendar",
    ):
        form, text = example(kind)
        result = load_text(kind, text, f"{kind}.{form}")
        assert (result.bad, result.unknown) == (0, ()), (kind, result.faults)
    load_text(
        "organisations",
        "code,name,kind,unit\n330603010036,中共柯桥街道管墅社区总支部委员会,general_branch,community\n"
        "330603010029,中共柯桥街道工作委员会,basic_committee,street\n",
    )
    letters = load_text(
        "letters",
        example("letters")[1],
        hooks=Hooks(open_letters=lambda tx, rows: ["new"] * len(rows)),
    )
    assert (letters.good, letters.bad) == (1, 0)


def test_the_glossary_knows_every_word_of_the_files_and_every_state():
    lists = (
        file_schemas.ORGANISATION_KINDS,
        file_schemas.UNITS,
        file_schemas.STATUSES,
        file_schemas.STANDINGS,
        file_schemas.POSTS,
        file_schemas.CHANNELS,
        file_schemas.LETTER_CHANNELS,
    )
    for words in lists:
        for code, zh in words.items():
            assert f"`{code}`" in GLOSSARY and zh in GLOSSARY, code
    for state, (zh, _) in STATES.items():
        assert f"`{state}`" in GLOSSARY and zh in GLOSSARY, state
