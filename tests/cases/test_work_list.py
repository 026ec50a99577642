"""The list of what waits for an organisation: what is due first, page by page."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from services.cases.views.pages import counts, work_list
from services.kit.db.engine import view_as

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
OURS, ABOVE = "330602001001", "330602001000"
OUR_PATH = f"{ABOVE}.{OURS}."
FIRST_DAY = date(2026, 3, 1)


@pytest.fixture
def page_of(web):
    """A page of our list as pages read it."""

    def read(limit: int, offset: int = 0) -> list[str]:
        with web.begin() as tx:
            view_as(tx, OUR_PATH, OUR_PATH[:-1] + "/", OURS)
            return [row["id"] for row in work_list(tx, NOW, OURS, limit=limit, offset=offset)]

    def count() -> int:
        with web.begin() as tx:
            view_as(tx, OUR_PATH, OUR_PATH[:-1] + "/", OURS)
            return counts(tx, NOW, OURS, ["waiting"])["waiting"]

    read.count = count
    return read


def put(owner, number: int, due: date | None, *, visible: bool = True, task: bool = True) -> str:
    """A case opened `number` minutes ago with a task of ours due on `due`, or that waits for us
    without one.
    """
    case = str(uuid4())
    path = OUR_PATH if visible else "440000000000."
    opened_at = NOW - timedelta(minutes=number)
    with owner.begin() as tx:
        tx.exec_driver_sql(
            "INSERT INTO transfer_case (id, state, seq, origin_path, opened_at, entered_at, owner, "
            "wait_organisation, wait_act) VALUES (%s, 'triaged', 1, %s, %s, %s, %s, %s, 'triage')",
            (case, path, opened_at, opened_at, OURS, OURS),
        )
        if task:
            tx.exec_driver_sql(
                "INSERT INTO task (id, case_id, kind, act, organisation, path, due_on, opened_at) "
                "VALUES (%s, %s, 'act', 'triage', %s, %s, %s, %s)",
                (str(uuid4()), case, OURS, OUR_PATH, due, opened_at),
            )
    return case


def test_pages_put_together_are_the_whole_list_in_the_order_of_days(owner, page_of):
    expected = []
    for number in range(60):
        due = None if number % 7 == 0 else FIRST_DAY + timedelta(days=number % 5)
        case = put(owner, number, due, task=number % 11 != 0)
        has_day = due is not None and number % 11 != 0
        expected.append((due if has_day else date.max, number, case))
    whole = [case for _, _, case in sorted(expected)]

    assert page_of(100) == whole
    assert [case for start in range(0, 60, 7) for case in page_of(7, start)] == whole
    assert page_of.count() == 60


def test_a_page_is_full_although_what_is_due_first_can_no_longer_be_seen(owner, page_of):
    for number in range(20):
        put(owner, number, FIRST_DAY, visible=False)
    seen = [put(owner, number, FIRST_DAY + timedelta(days=9)) for number in range(10)]
    assert page_of(5) == seen[:5]
    assert page_of(5, 5) == seen[5:]


def test_a_list_of_which_nothing_can_be_seen_is_empty(owner, page_of):
    for number in range(20):
        put(owner, number, FIRST_DAY, visible=False)
    assert page_of(5) == []
