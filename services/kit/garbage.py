"""How often Python looks for garbage in a process that serves."""

from __future__ import annotations

import gc

NEW_OBJECTS = 50_000


def collect_seldom() -> None:
    """Collects seldom, and not what is here to stay: called once a process has loaded what it
    needs.

    A full collection over the address table takes 60 ms, during which nobody is answered, and
    thousands of messages are in flight of which none is garbage.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 10, 10)
