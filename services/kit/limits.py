"""The bounds of one HTTP connection that can be set from outside (`http_limits` keeps them)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds that can be set.

    `head_seconds`: from the first byte of a request (or the connection's start) to the end of its
    head; `body_seconds`: before a body must have come at 8 KB a second, and before an answer that
    nobody takes is given up; `idle_seconds`: between two requests of a connection; `connections`:
    at one time.
    """

    head_bytes: int = 32_768
    head_seconds: float = 15.0
    body_seconds: float = 30.0
    idle_seconds: int = 15
    connections: int = 1_000
