"""A name says what it holds: words that hold anything may not come back as names."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EMPTY_WORDS = {"one", "who", "told", "said", "found"}
ROOMS = sorted(
    folder.name for folder in (ROOT / "services").iterdir() if (folder / "__init__.py").exists()
)


def _names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of whatever a file gives a name: variables, parameters, functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name


@pytest.mark.parametrize("room", ["schemas", *(f"services/{room}" for room in ROOMS)])
def test_no_name_holds_anything(room):
    wrong = []
    for file in (ROOT / room).rglob("*.py"):
        if "versions" in file.parts:
            continue
        for line, name in _names(ast.parse(file.read_text("utf-8"))):
            if name in EMPTY_WORDS:
                wrong.append(f"{file.relative_to(ROOT)}:{line}: {name}")
    assert not wrong, "say what it holds"
