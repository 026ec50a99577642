"""Persons as somebody posted them, for tests without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.identity.persons import MemberRecord
from services.matcher.announcements import Announcement
from tests.cases.cast import BRANCH, UNIT

EVENT = UUID(int=1)
AT = datetime(2026, 3, 20, 1, tzinfo=UTC)
DEPARTURE = "guidui.departure.effective.v1"
NUMBER = "11010519491231002X"
LI_NA = MemberRecord(
    member="m1",
    name="李娜",
    sex="female",
    birth_date="1949-12-31",
    id_number=NUMBER,
    phone="13800000001",
    organisation=BRANCH,
)


def posted(position: int = 0, **given: Any) -> Announcement:
    """An announcement; ``person`` and ``to`` are what is stated, the rest is the announcement's."""
    stated = {"person": given.pop("person", {}), "to": given.pop("to", {})}
    usual: dict[str, Any] = {
        "event": EVENT,
        "source": f"urn:guidui:organisation:{UNIT}",
        "ext_id": "1",
        "organisation": UNIT,
        "path": f"{UNIT}.",
        "kind": DEPARTURE,
        "time": AT,
        "data": {},
        "corrects": None,
    }
    return Announcement(position=position, posted_person=stated, **{**usual, **given})
