"""What a child that reads a stranger's file takes, seen from outside: memory as the system counts
it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Watch:
    """`peak_bytes`: the most that any child held in memory at one time; `children`: how many were
    seen.
    """

    def __init__(self) -> None:
        self.peaks: dict[int, int] = {}

    @property
    def peak_bytes(self) -> int:
        return max(self.peaks.values(), default=0)

    @property
    def children(self) -> int:
        return len(self.peaks)

    def look(self) -> None:
        """Reads the high-water mark of every child that reads a file now."""
        for task in Path("/proc/self/task").iterdir():
            for pid in _words(task / "children"):
                if b"confined_job" in _bytes(Path(f"/proc/{pid}/cmdline")):
                    self.peaks[int(pid)] = max(self.peaks.get(int(pid), 0), _high_water(int(pid)))


def _high_water(pid: int) -> int:
    for line in _bytes(Path(f"/proc/{pid}/status")).splitlines():
        if line.startswith(b"VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


def _words(file: Path) -> list[str]:
    return _bytes(file).decode().split()


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # it has just ended
        return b""


@contextmanager
def watched() -> Iterator[Watch]:
    """Looks at the children of this process every few milliseconds."""
    watch, stop = Watch(), threading.Event()

    def look() -> None:
        while not stop.is_set():
            watch.look()
            time.sleep(0.002)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        stop.set()
        thread.join()
