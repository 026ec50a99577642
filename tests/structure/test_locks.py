"""Advisory locks are taken in one place, each purpose with a key of its own."""

from __future__ import annotations

import re

from services.kit.db import locks
from services.kit.db.engine import connect
from services.kit.db.locks import Lock
from tests.structure.test_walls import FILES, ROOT

REGISTRY = "services/kit/db/locks.py"


def test_only_the_registry_takes_an_advisory_lock():
    wrong = [
        str(file.relative_to(ROOT))
        for file in FILES
        if re.search(
            r"advisory_(xact_)?(un)?lock|pg_advisory", file.read_text("utf-8"), re.IGNORECASE
        )
        and str(file.relative_to(ROOT)) != REGISTRY
    ]
    assert not wrong, f"take locks by services.kit.db.locks: {wrong}"


def test_every_lock_is_taken_in_the_form_with_two_keys():
    """The form with one key would be another space of numbers, in which nobody keeps order."""
    statements = re.findall(
        r"pg_\w*advisory\w*\(([^()]*(?:\([^()]*\)[^()]*)*)\)", (ROOT / REGISTRY).read_text("utf-8")
    )
    assert len(statements) >= 6
    assert all("," in keys for keys in statements), statements


def test_no_purpose_waits_for_another(database):
    """All locks there are can be held at once by different transactions, about the same words."""
    assert len({int(lock) for lock in Lock}) == len(Lock.__members__)
    engine = connect(database.app_url, "guidui_worker", connections_max=len(Lock) + 1)
    held = [engine.connect() for _ in Lock]
    try:
        for tx, lock in zip(held, Lock, strict=True):
            tx.exec_driver_sql("SET lock_timeout = '2s'")
            assert locks.try_hold(tx, lock, "7311"), lock
            locks.hold_part(tx, lock, "7311")
            locks.hold(tx, lock, "7311")
        with engine.connect() as other:
            assert not [lock for lock in Lock if locks.try_hold(other, lock, "7311")]
    finally:
        for tx in held:
            tx.close()
        engine.dispose()
