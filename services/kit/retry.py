"""Which errors to wait out, and the waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import psycopg
import structlog
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from services.kit.log import where

log = structlog.get_logger()
T = TypeVar("T")
RETRY_DELAY_SECONDS_MIN = 0.1
RETRY_DELAY_SECONDS_MAX = 5.0
# https://www.postgresql.org/docs/current/errcodes-appendix.html: connection, resources,
# intervention, system; serialization failure and deadlock; idle timeout; read-only (a standby
# during failover)
_CLASSES = ("08", "53", "57", "58")
_STATES = ("40001", "40P01", "25P03", "25P04", "25006", "55P03")


class Stopped(Exception):
    """The process is to end; what was begun is left to its next life."""


def is_infrastructure(error: BaseException) -> bool:
    """True for a broken or busy database: the same work will succeed once it is back."""
    if isinstance(error, (PoolTimeout, DisconnectionError)):
        return True
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if not isinstance(cause, psycopg.Error):
        return False
    if cause.sqlstate is None:
        return isinstance(cause, psycopg.OperationalError)
    return cause.sqlstate[:2] in _CLASSES or cause.sqlstate in _STATES


def attempt(
    work: Callable[[], T],
    *,
    what: str,
    stop: threading.Event,
    waits: Callable[[BaseException], bool] = is_infrastructure,
    waiting: Callable[[bool], None] = lambda _: None,
) -> T:
    """Does `work`, waiting out what `waits` recognises: back-off 0.1 to 5 s, without end, without
    skipping.

    `waiting(True)` and `waiting(False)` tell readiness. Raises Stopped when `stop` is set
    meanwhile.
    """
    delay, tries = RETRY_DELAY_SECONDS_MIN, 0
    while True:
        try:
            result = work()
            if tries:
                log.info("resumed", what=what, tries=tries)
                waiting(False)
            return result
        except Exception as error:
            if not waits(error):
                raise
            tries += 1
            waiting(True)
            log.warning("waiting", what=what, tries=tries, delay_seconds=delay, **where(error))
        if stop.wait(delay):
            raise Stopped(what)
        delay = min(delay * 2, RETRY_DELAY_SECONDS_MAX)
