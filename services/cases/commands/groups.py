"""Groups of cases, opened by an event about many persons: they end with their last child."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection

from services.cases.commands.decide import entered
from services.cases.deadlines import tasks as deadlines
from services.cases.model import states
from services.cases.model.case import Case, DecisionContext, Step
from services.cases.store import tables
from services.cases.store.tables import Change


def close_finished_groups(tx: Connection, moved: Sequence[Case], context: DecisionContext) -> None:
    """Closes the bulk parents of which every child has ended."""
    parents = {case.parent for case in moved if case.parent and case.state in states.TERMINAL}
    close_groups(tx, parents, context)


def close_groups(tx: Connection, parents: Collection[str], context: DecisionContext) -> None:
    """Closes those of the bulk cases of which every child has ended."""
    if not parents:
        return
    done = (
        tx.exec_driver_sql(
            f"""SELECT p.id::text
            FROM transfer_case p
            WHERE p.id = ANY (%s::uuid[]) AND p.state = 'bulk_open'
            AND NOT EXISTS (SELECT FROM transfer_case c
                WHERE c.parent = p.id AND c.state NOT IN {states.in_sql(states.ENDED)})""",
            (sorted(parents),),
        )
        .scalars()
        .all()
    )
    changes = []
    for case in tables.load(tx, done).values():
        closed = case.replace(state=states.BULK_CLOSED, touched_at=context.now)
        after = deadlines.settle(entered(case, closed, context), context)
        step = Step("close_bulk", case.state, states.BULK_CLOSED, None)
        changes.append(Change(case, after, [step]))
    tables.write(tx, changes, context)
