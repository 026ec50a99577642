"""Logging: one JSON object a line on stderr, named events, nothing personal."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from typing import NotRequired, TextIO, TypedDict, cast

import structlog

NOISY = (
    "aiokafka",
    "kafka",
    "faust",
    "mode",
)  # a broker outage makes them print thousands of lines
NOISE_SECONDS_MIN = 10.0


class Throttle(logging.Filter):
    """Lets one line per logger and place pass every `seconds`; the next one says how many were held
    back.
    """

    def __init__(self, seconds: float = NOISE_SECONDS_MIN, clock=time.monotonic) -> None:
        super().__init__()
        self.seconds, self.clock = seconds, clock
        self._seen: dict[tuple[str, str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        place = (record.name, record.pathname, record.lineno)
        last, held_back = self._seen.get(place, (float("-inf"), 0))
        if self.clock() - last < self.seconds:
            self._seen[place] = (last, held_back + 1)
            return False
        self._seen[place] = (self.clock(), 0)
        record.held_back = held_back
        return True


class _Stderr:
    """stderr as it is at the moment of writing: whoever redirects it for a while may close what it
    was then.
    """

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure(level: str = "info", service: str = "guidui") -> None:
    """Sends structlog's events and the libraries' warnings to stderr as JSON lines."""
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=False)
    shared = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        stamp,
        lambda _logger, _name, event: {"service": service, **event},
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(ensure_ascii=False)],
        wrapper_class=structlog.make_filtering_bound_logger(level.upper()),
        # of a text file structlog uses `write` and `flush` alone
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, _Stderr())),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(_Stderr())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _held_back],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    handler.addFilter(_throttle_noisy(Throttle()))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


class Where(TypedDict):
    """The type and the place of an exception; `sqlstate` where the database refused."""

    error: str
    at: list[str]
    sqlstate: NotRequired[str]


def where(error: BaseException) -> Where:
    """What a log line may say of an exception: its type and place. Its text may quote what somebody
    sent.
    """
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    place: Where = {
        "error": type(error).__name__,
        "at": [f"{'/'.join(f.filename.split('/')[-3:])}:{f.lineno} {f.name}" for f in frames],
    }
    state = getattr(getattr(error, "orig", error), "sqlstate", None)
    if state:
        place["sqlstate"] = state
    return place


def _throttle_noisy(throttle: Throttle):
    def passes(record: logging.LogRecord) -> bool:
        return throttle.filter(record) if record.name.split(".")[0] in NOISY else True

    return passes


def _held_back(_logger, _name, event):
    held_back = getattr(event.get("_record"), "held_back", 0)
    return {**event, "held_back": held_back} if held_back else event
