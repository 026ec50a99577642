"""The walks of docs/develop/walks.md lead through the code as it is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "develop" / "walks.md").read_text("utf-8")
STOP = re.compile(r"^\| `([\w/]+\.py): ([\w.]+)` \|", re.MULTILINE)
WALKS = {section.partition("\n")[0]: STOP.findall(section) for section in PAGE.split("\n## ")[1:]}
CALLS_MAX = 4
"""After the edge: three, and one that says something of its own."""


def function_of(file: str, name: str) -> ast.AST:
    """The last definition of a function, or of a method where the name has a class before it."""
    tree: ast.AST = ast.parse((ROOT / file).read_text("utf-8"))
    *classes, function = name.split(".")
    for wanted in classes:
        tree = next(
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef) and node.name == wanted
        )
    definitions = [
        node
        for node in (ast.walk(tree) if classes else _outside_of_named_classes(tree))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == function
    ]
    assert definitions, f"{file} has no {name}"
    return definitions[-1]


def _outside_of_named_classes(tree: ast.AST) -> list[ast.AST]:
    """Functions of the module first; methods where no function of the module has the name."""
    methods = [
        node
        for owner in ast.walk(tree)
        if isinstance(owner, ast.ClassDef)
        for node in ast.walk(owner)
    ]
    others = [node for node in ast.walk(tree) if node not in methods]
    return [*methods, *others]


def names_in(function: ast.AST) -> set[str]:
    """Every name that a function uses: what it calls, or hands to somebody to call."""
    names = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.alias):
            names.add(node.name)
    return names


def handed_over(file: str) -> set[str]:
    """What a file gives to one of its functions to call: the parts of the clock, the writers of
    a load.
    """
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for value in node.values:
                names |= names_in(value)
    return names


def test_there_are_five_walks():
    assert len(WALKS) == 5


@pytest.mark.parametrize("walk", WALKS)
def test_a_walk_is_as_the_page_has_it(walk):
    stops = WALKS[walk]
    assert 3 <= len(stops) - 1 <= CALLS_MAX
    for (file, name), (next_file, next_name) in zip(stops, stops[1:], strict=False):
        names = names_in(function_of(file, name))
        function_of(next_file, next_name)
        called = next_name.rpartition(".")[2]
        assert called in names | handed_over(file), f"{file}: {name} does not call {called}"


def test_a_walk_that_does_not_exist_would_be_found():
    names = names_in(function_of("services/notifier/delivery.py", "deliver_due"))
    assert "_write_success" not in names
