"""What is sent is read in a few places, each with its bounds, and passes the same rule on every
route.
"""

from __future__ import annotations

import ast

from tests.structure.test_walls import FILES, ROOT

READERS = {
    "services/intake/app.py",
    "services/portal/api/bodies.py",
    "services/portal/page.py",
    "services/portal/upload.py",
}
OPENERS = {"openpyxl", "python_calamine", "PIL", "pypdf", "pypdfium2", "zipfile", "tarfile"}
# the child's side, and what this project itself packs and unpacks
OPENING = {
    "services/registry/workbooks.py",
    "services/records/letters/drawn.py",
}
OWN_FILES = ("services/cluster/kafka_install.py",)


def test_bodies_are_read_where_their_bounds_are():
    wrong = []
    for file in FILES:
        name = str(file.relative_to(ROOT))
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            reads = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            if (
                reads
                and ast.unparse(node.func.value) == "request"
                and node.func.attr in ("stream", "form", "body", "json")
                and name not in READERS
            ):
                wrong.append(f"{name}:{node.lineno}")
    assert not wrong, wrong


def test_strangers_files_are_opened_in_the_child_alone():
    wrong = []
    for file in FILES:
        name = str(file.relative_to(ROOT))
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            opened = {module.partition(".")[0] for module in modules} & OPENERS
            if opened and name not in OPENING and name not in OWN_FILES:
                wrong.append(f"{name} opens files with {', '.join(sorted(opened))}")
    assert not wrong, wrong
