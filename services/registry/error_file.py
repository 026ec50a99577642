"""The rows that a load refused or took with a doubt, each sort in a file to be mended and loaded
again.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from services.registry.tabular import ERROR_COLUMNS, FORMULA, Row


class ErrorFile:
    """`FILE.errors.csv`: each bad row with its number, column, reason and fix, then its cells to be
    mended and loaded again.

    Written for spreadsheet programs: UTF-8 with a byte order mark, and no cell that one would run
    as a formula. The file is made with the first bad row; one left by an earlier run is removed
    when there is none. `FILE.warnings.csv` is made alike of rows that went in although something is
    wrong with them.
    """

    def __init__(self, source: Path, columns: Sequence[str], sort: str = "errors") -> None:
        self.path = source.with_name(f"{source.name}.{sort}.csv")
        self._columns = columns
        self._file: TextIO | None = None
        self.count = 0

    def __enter__(self) -> ErrorFile:
        self.path.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, row: Row, column: str, reason: str, fix: str) -> None:
        """Write one bad row."""
        if self._file is None:
            opened = os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            self._file = os.fdopen(
                opened, "w", encoding="utf-8-sig", errors="backslashreplace", newline=""
            )
            self._writer = csv.writer(self._file)
            self._writer.writerow((*ERROR_COLUMNS, *self._columns))
        self.count += 1
        self._writer.writerow(
            [row.number, *(_harmless(cell) for cell in (column, reason, fix, *row.cells))]
        )


def _harmless(cell: str) -> str:
    """A cell that no spreadsheet program takes for a formula (OWASP, CSV injection)."""
    return "'" + cell if cell.startswith(FORMULA) else cell
