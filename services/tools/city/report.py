"""What came of a city: counts, broken invariants, and one number for its whole history."""

from __future__ import annotations

import subprocess
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import Connection

from services.tools.city.invariants import Broken


@dataclass
class Report:
    """``days`` are those of the calendar; ``seconds`` those of whoever waited."""

    seed: int
    members: int
    days: int
    counts: Counter = field(default_factory=Counter)
    broken: list[Broken] = field(default_factory=list)
    digest: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether every invariant held."""
        return not self.broken

    def close(self, tx: Connection) -> None:
        """Counts what there is at the end, and takes the digest."""
        for name, table in _COUNTED.items():
            self.counts[name] = tx.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
        for state, count in tx.exec_driver_sql(
            "SELECT state, count(*) FROM transfer_case GROUP BY 1 ORDER BY 1"
        ):
            self.counts[f"cases {state}"] = count
        self.digest = digest(tx)


_COUNTED = {
    "cases": "transfer_case",
    "history rows": "case_event",
    "tasks": "task",
    "notices": "notice",
    "messages": "event_log",
    "events": "posted_event",
}
# what happened, to whom, and what is left of it; without what a server or a process numbers as it
# pleases
_HISTORY = (
    (
        "case_event",
        "case_id, seq",
        "case_id, seq, at, by_organisation, by_person, command, from_state, to_state, "
        "reason, detail, change, opened, closed",
    ),
    ("task", "id", "id, case_id, member, kind, act, organisation, due_on, opened_at, closed_at"),
    (
        "member",
        "member",
        "member, organisation, standing, last_life_on, last_sign_on, dues_paid_to",
    ),
    (
        "identification",
        "event_id, position",
        "event_id, position, decision, member, case_id, decided_at",
    ),
    ("posted_event", "id", "id, type, time, received_at, data"),
)


def digest(tx: Connection) -> str:
    """SHA-256 of all that cases, tasks, members and postings tell: the same for the same seed and
    commit.
    """
    digest = sha256()
    for table, order, columns in _HISTORY:
        sql = f"SELECT concat_ws('|', {columns}) FROM {table} ORDER BY {order}"
        with tx.execution_options(stream_results=True, yield_per=5_000).exec_driver_sql(
            sql
        ) as lines:
            for (line,) in lines:
                digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def commit() -> str:
    """The commit that is played, where the program lies in its repository; else its version."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return version("guidui")
