"""What is on the bus and in a notice names nobody; of a person who is no member nothing stays but
the count.
"""

from __future__ import annotations

from datetime import datetime

import pytest

from schemas.topics import TOPICS
from services.cases.routing.decision_table import OPENING
from services.kit.db.engine import connect
from services.records.completeness import statement
from services.tools.simulate import play
from tests.stories.county_service import ADDRESS, ORGANISATIONS, UNIT, event, id_number, name

COLUMNS = ["code", "name", "kind", "unit", "parent", "area", "serves_area", "authority"]
AT = "2026-03-02T09:00:00+08:00"
STRANGER = {"name": "慕容无名", "id_number": id_number(777), "birth_date": "1991-02-03"}


@pytest.fixture
def played(database):
    """One departure of a member and one of a stranger, played to the issue of the letter."""
    stranger = event(5, "stranger")
    stranger["data"]["person"] = STRANGER
    number = id_number(2)
    scenario = {
        "name": "two",
        "start": AT,
        "world": {
            "organisations": [dict(zip(COLUMNS, row, strict=True)) for row in ORGANISATIONS],
            "members": [
                {
                    "member": "m2",
                    "name": name(2),
                    "id_number": number,
                    "status": "full",
                    "standing": "normal",
                    "phone": "13912345678",
                    "organisation": ORGANISATIONS[3][0],
                }
            ],
        },
        "steps": [
            {"at": AT, "event": event(2, "of-a-member"), "as": "A"},
            {"at": AT, "event": stranger},
            {
                "at": AT,
                "by": ORGANISATIONS[3][0],
                "do": "confirm_destination",
                "case": "A",
                "with": {"member_informed": True},
            },
        ],
    }
    answer, ok = play(database.app_url, scenario, datetime.fromisoformat(AT))
    assert ok, answer
    engine = connect(database.app_url, "guidui_worker")
    yield engine
    engine.dispose()


def test_no_topic_and_no_notice_holds_a_person(played):
    with played.connect() as tx:
        for table in ("event_log", "notice", "task", "case_event", "transfer_case"):
            text = "\n".join(
                tx.exec_driver_sql(f"SELECT to_json(t)::text FROM {table} t").scalars()
            )
            for personal in (name(2), id_number(2), "13912345678", *STRANGER.values()):
                assert personal not in text, table
        topics = set(tx.exec_driver_sql("SELECT DISTINCT topic FROM event_log").scalars())
    assert {"departures", "cases"} <= topics <= {topic.name for topic in TOPICS}


def test_of_a_stranger_only_the_count_stays(played):
    with played.connect() as tx:
        bodies = tx.exec_driver_sql(
            """SELECT i.decision, p.body IS NULL, i.candidates IS NULL FROM posted_person p
               JOIN identification i USING (event_id, position) ORDER BY 1"""
        ).all()
        tables = (
            tx.exec_driver_sql(
                """SELECT relname
                FROM pg_class
                WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
                AND has_table_privilege('guidui_worker', oid, 'SELECT')"""
            )
            .scalars()
            .all()
        )
        assert {
            "posted_person",
            "identification",
            "dead_letter",
            "parked",
            "event_log",
            "review_question",
        } <= {*tables}
        everywhere = "\n".join(
            "\n".join(tx.exec_driver_sql(f"SELECT to_json(t)::text FROM {table} t").scalars())
            for table in tables
        )
        told = statement(tx, datetime.fromisoformat(AT).date(), sorted(OPENING))
    assert [tuple(b) for b in bodies] == [("match", False, True), ("not_a_member", True, True)]
    assert not any(value in everywhere for value in STRANGER.values())
    assert told == {
        "day": "2026-03-02",
        "in": 2,
        "matched": 1,
        "not_a_member": 1,
        "in_review": 0,
        "rejected": 0,
        "difference": 0,
    }
    assert UNIT in everywhere and ADDRESS in everywhere
