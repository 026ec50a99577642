"""One number for a whole history: two plays of the same seed and commit must give the same one."""
from __future__ import annotations

from hashlib import sha256

from sqlalchemy import Connection

# what happened, to whom, and what is left of it; without what a server or a process numbers as it pleases
_HISTORY = (
    """SELECT concat_ws('|', case_id, seq, at, by_organisation, by_person, command, from_state, to_state, reason, detail,
       change, opened, closed) FROM case_event ORDER BY case_id, seq""",
    "SELECT concat_ws('|', id, case_id, member, kind, act, organisation, due_on, opened_at, closed_at) FROM task ORDER BY id",
    """SELECT concat_ws('|', member, organisation, standing, last_life_on, last_sign_on, dues_paid_to) FROM member
       ORDER BY member""",
    """SELECT concat_ws('|', event_id, position, decision, member, case_id, decided_at) FROM identification
       ORDER BY event_id, position""",
    "SELECT concat_ws('|', id, type, time, received_at, data) FROM posted_event ORDER BY id",
)


def digest(tx: Connection) -> str:
    """SHA-256 of everything that cases, tasks, members and postings tell."""
    told = sha256()
    for sql in _HISTORY:
        with tx.execution_options(stream_results=True, yield_per=5_000).exec_driver_sql(sql) as lines:
            for (line,) in lines:
                told.update(line.encode())
                told.update(b"\n")
    return told.hexdigest()
