"""The tree of organisations changed: open cases find out anew who owns them, who is waited for and who may act."""
from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, Engine

from services.cases import deadlines, tables
from services.cases.ground import Ground
from services.cases.model import Case, Step, World
from services.cases.states import BEFORE_ACCEPTED, TERMINAL
from services.cases.tables import Change
from services.kit.clock import Clock

BATCH_ROWS_MAX = 1_000
# what follows from the tree, and not from what anybody did
_DERIVED = ("origin_committee", "receiving_committee", "ruling", "owner", "wait_organisation", "wait_act", "wait_due")


def repoint(engine: Engine, clock: Clock, ground: Ground) -> int:
    """Settles every open case whose parts are others by the tree as it is now; returns how many.

    A destination that has ended gives way to its successor. Each gets a row ``tree_changed`` in its history, and its tasks move to the organisations now concerned
    (rules.md §C.0 ``org.changed``). Done again it changes nothing.
    """
    changed, after = 0, "00000000-0000-0000-0000-000000000000"
    while True:
        with engine.begin() as tx:
            ids = tx.exec_driver_sql(
                "SELECT id::text FROM transfer_case WHERE id > %s::uuid AND state <> ALL (%s) ORDER BY id LIMIT %s",
                (after, sorted(TERMINAL), BATCH_ROWS_MAX)).scalars().all()
            if not ids:
                return changed
            changed += _repoint(tx, ids, clock.now(), ground)
            after = ids[-1]


def _repoint(tx: Connection, ids: list[str], now: datetime, ground: Ground) -> int:
    world = ground.world(tx, now)
    return len(tables.write(tx, list(_changes(tables.load(tx, ids).values(), world)), world))


def _changes(cases, world: World) -> Iterator[Change]:
    for case in cases:
        after = deadlines.settle(_succeeded(case, world), world)
        # a header that a counterfoil names stays, as long as it stands above the destination
        astray = after.header != case.header and not world.directory.within(case.destination, case.header)
        if _parts(after) != _parts(case) or astray or after.destination != case.destination:
            yield Change(case, after, [Step("tree_changed", case.state, case.state, None)])


def _succeeded(case: Case, world: World) -> Case:
    """The case with the successor in the place of a destination, or receiver, that has ended: nobody arrives there."""
    if case.state not in BEFORE_ACCEPTED:
        return case
    heirs = {name: heir.code for name in ("destination", "receiver") if (code := getattr(case, name))
             and (heir := world.directory.successor(code, world.today)) and heir.code != code}
    return case.but(**heirs) if heirs else case


def _parts(case: Case) -> tuple:
    return tuple(getattr(case, name) for name in _DERIVED)
