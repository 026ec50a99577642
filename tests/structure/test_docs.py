"""The docs name files, functions and pages that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("services/**/README.md")]
)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
FILE = re.compile(
    r"`((?:[a-z_0-9*]+/)*[a-z_0-9]+\.(?:py|json|yaml|toml|html|conf|sql))"  # a file
    r"(?::? ([A-Za-z_.]+))?`"  # and a name in it
)
FOLDERS = ("services", "schemas", "deploy", "tests")
BASES = (
    "",
    "services/",
    *(
        f"services/{room}/"
        for room in ("kit", "kit/db/migrations", "tools", "records", "cases", "portal")
    ),
)


def _files_of(named: str) -> list[Path]:
    """The files that a name in a text may mean: from the root, or from within a room."""
    if "/" not in named:
        inside = [path for folder in FOLDERS for path in (ROOT / folder).rglob(named)]
        return [*ROOT.glob(named), *inside]
    return [path for base in BASES for path in ROOT.glob(base + named)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    wrong = []
    for target in LINK.findall(page.read_text("utf-8")):
        if "://" in target or target.startswith(("mailto:", "/")):
            continue
        if not (page.parent / target).exists():
            wrong.append(target)
    assert not wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_and_function_that_is_named_is_there(page):
    if page.name == "CHANGELOG.md":
        return
    wrong = []
    for named, name in FILE.findall(page.read_text("utf-8")):
        files = _files_of(named)
        if not files:
            wrong.append(named)
        elif name and not any(name.split(".")[-1] in file.read_text("utf-8") for file in files):
            wrong.append(f"{named}: {name}")
    assert not wrong
