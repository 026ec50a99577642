"""The files of SQL beside the revisions: the parts of the baseline, and the functions."""

from __future__ import annotations

import hashlib
from pathlib import Path

FOLDER = Path(__file__).parent


def baseline(part: str) -> str:
    """One part of the schema as a new database begins, such as "cases" or "grants"."""
    return (FOLDER / "baseline" / f"{part}.sql").read_text("utf-8")


def functions() -> list[str]:
    """Every function of the database with its rights, one file each, in the order of their names.

    They name one another and tables: `check_function_bodies` is off while they are created.
    """
    return [path.read_text("utf-8") for path in _function_files()]


def digest_of_functions() -> str:
    """SHA-256 over all function files: it changes when one of them does."""
    digest = hashlib.sha256()
    for path in _function_files():
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _function_files() -> list[Path]:
    return sorted((FOLDER / "functions").rglob("*.sql"), key=lambda path: path.name)
