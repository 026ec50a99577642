"""Files that may come packed."""

from __future__ import annotations

import lzma
from pathlib import Path
from typing import IO


def unpacked(path: Path) -> IO[bytes]:
    """The bytes of a file, opened; what `.xz` packs is unpacked on the way."""
    return lzma.open(path, "rb") if path.suffix == ".xz" else open(path, "rb")
