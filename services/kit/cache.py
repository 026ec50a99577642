"""The folder of tools fetched once from package registries: outside the source tree, shared by
every checkout of a user.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path


def cache_folder() -> Path:
    """`GUIDUI_CACHE`, else `guidui` in the user's cache directory."""
    configured = os.environ.get("GUIDUI_CACHE")
    if configured:
        return Path(configured).expanduser().resolve()
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "guidui"


def fetched_once(name: str, fetch: Callable[[Path], None]) -> Path:
    """The cache's folder `name`, filled by `fetch(folder)` the first time.

    It appears whole or not at all: a fetch that is killed leaves nothing, and two programs do not
    fetch at once. `name` carries the version or the hash of what is in it, so a filled folder never
    changes.
    """
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / name
    with open(cache / f".{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            fresh = cache / f".{name}.fetching"
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir()
            fetch(fresh)
            fresh.rename(folder)
    return folder
