"""Which sentences of the pages have no English yet, and which English has lost its sentence."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent
_IN_TEMPLATE = re.compile(r"""\b_\(\s*(?:"([^"]+)"|'([^']+)')""")


def said() -> set[str]:
    """Every Chinese sentence in templates (``_("…")``) and in code (``zh("…")``, ``say("…")``)."""
    found = set(_of_code())
    for template in (FOLDER / "templates").glob("*.html"):
        found |= {a or b for a, b in _IN_TEMPLATE.findall(template.read_text("utf-8"))}
    return found


def _of_code() -> Iterator[str]:
    for file in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in ("zh", "say", "_reason") and isinstance(node.args[0].value, str):
                    yield node.args[0].value


if __name__ == "__main__":
    from services.portal.words import english

    for sentence in sorted(said() - english().keys()):
        print("missing", sentence)
    for sentence in sorted(english().keys() - said()):
        print("unused", sentence)
