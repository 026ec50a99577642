"""What the history of a case tells, beside what its row says."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

# when the clock looks next says nothing of the case, and moves without history
BESIDE = {"wake_at"}


def rebuilt(tx: Connection, case_id: str) -> dict[str, Any]:
    """The row of a case as its history alone tells it."""
    row: dict[str, Any] = {"id": case_id}
    for event in tx.exec_driver_sql(
        "SELECT seq, to_state, change FROM case_event WHERE case_id = %s::uuid ORDER BY seq",
        (case_id,),
    ):
        row |= (event.change or {}) | {"state": event.to_state, "seq": event.seq}
    return _stated(row)


def stored(tx: Connection, case_id: str) -> dict[str, Any]:
    """The row of a case."""
    return _stated(
        tx.exec_driver_sql(
            "SELECT to_jsonb(c) FROM transfer_case c WHERE id = %s::uuid", (case_id,)
        ).scalar_one()
    )


def _stated(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None and name not in BESIDE}


def homes_told(tx: Connection) -> dict[str, str]:
    """Member -> where the acceptances in the histories of all cases took them, the latest last."""
    homes: dict[str, str] = {}
    for event in tx.exec_driver_sql("""
            SELECT e.case_id::text AS case_id, e.seq, c.member FROM case_event e
                JOIN transfer_case c ON c.id = e.case_id
            WHERE e.command IN ('accept', 'record_paper_receipt') AND c.member IS NOT NULL
                ORDER BY e.at, e.seq""").all():
        changes = tx.exec_driver_sql(
            """SELECT change ->> 'destination'
            FROM case_event
            WHERE case_id = %s::uuid AND seq <= %s
            AND change ? 'destination' ORDER BY seq DESC LIMIT 1""",
            (event.case_id, event.seq),
        )
        homes[event.member] = changes.scalar_one()
    return homes
