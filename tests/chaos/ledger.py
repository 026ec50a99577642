"""What was accepted, beside what took effect: counted in the database after the siege."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields

from sqlalchemy import Engine

from services.kit.db.engine import rows
from tests.chaos.county import SOURCE

UNTAKEN = """
SELECT count(*) AS n FROM event_log e
WHERE NOT EXISTS (SELECT FROM inbox i WHERE i.event_id = e.event_id
                  AND i.consumer = CASE e.topic WHEN 'departures' THEN 'matcher'
                      ELSE 'notifier' END)"""
ACCEPTED = "SELECT ext_id FROM posted_event WHERE source = :source"
CASES = "SELECT member, count(*) AS n FROM transfer_case WHERE member IS NOT NULL GROUP BY member"
NOTICED = """
SELECT t.id AS task, count(n.id) AS notices
FROM (SELECT DISTINCT o.id FROM event_log e, json_to_recordset(e.body -> 'tasks_opened') AS
    o(id uuid)
      WHERE e.topic IN ('cases', 'tasks')) AS t
LEFT JOIN notice n ON n.task = t.id GROUP BY t.id"""
TOLD_TWICE = """
SELECT count(*) AS n FROM (
    SELECT 1 FROM notice WHERE state <> 'not_sent' GROUP BY task, stage, recipient, contact, channel
        HAVING count(*) > 1
) AS twice"""


@dataclass(frozen=True, slots=True)
class Balance:
    """All zero when nothing was lost and nothing doubled."""

    accepted_not_stored: int
    stored_without_case: int
    members_with_two_cases: int
    cases_of_nobody_accepted: int
    tasks_without_notice: int
    notices_twice: int
    messages_not_taken: int
    dead_letters: int

    def wrong(self) -> dict[str, int]:
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name)}


def balance(engine: Engine, accepted: Collection[int]) -> Balance:
    """Compares the numbers of the accepted departures with the rows they should have led to."""
    with engine.connect() as tx:
        stored = {row["ext_id"] for row in rows(tx, ACCEPTED, {"source": SOURCE})}
        cases = {row["member"]: row["n"] for row in rows(tx, CASES)}
        notices = rows(tx, NOTICED)
        members = {f"m{n}" for n in accepted}
        return Balance(
            accepted_not_stored=sum(f"chaos-{n}" not in stored for n in accepted),
            stored_without_case=len({f"m{i.removeprefix('chaos-')}" for i in stored} - set(cases)),
            members_with_two_cases=sum(n > 1 for n in cases.values()),
            cases_of_nobody_accepted=len(set(cases) - members),
            tasks_without_notice=sum(row["notices"] == 0 for row in notices),
            notices_twice=rows(tx, TOLD_TWICE)[0]["n"],
            messages_not_taken=rows(tx, UNTAKEN)[0]["n"],
            dead_letters=rows(tx, "SELECT count(*) AS n FROM dead_letter")[0]["n"],
        )
