"""What the tests of this folder post, and how they look at everything that is stored."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from schemas.departures import posted_id
from services.intake.app import Intake
from tests.portal.town import Town
from tests.stories import county_service
from tests.stories.county_service import COMMUNITY, UNIT

STRANGER = {
    "name": "慕容无名",
    "id_number": county_service.id_number(777),
    "birth_date": "1991-02-03",
    "phone": "13877776666",
}
ADDRESS = "浙江省绍兴市柯桥区柯桥街道管墅社区771号"


def post(town: Town, ident: str, person: dict[str, Any], settle: bool = True, **data: Any) -> UUID:
    """Posts a departure of one person by the unit; returns the id under which the event is
    stored.
    """
    said = {
        "category": "layoff",
        "to": {"organisation": COMMUNITY, "address": ADDRESS},
        "circumstances": {"labour_relation": "ended", "handover": "dispersed"},
        "person": person,
        **data,
    }
    return post_departure(town, ident, said, settle)


def post_departure(town: Town, ident: str, data: dict[str, Any], settle: bool = True) -> UUID:
    """Posts a departure by the unit; returns the id under which the event is stored."""
    return post_event(
        town,
        {
            "specversion": "1.0",
            "type": "guidui.departure.effective.v1",
            "id": ident,
            "source": f"urn:guidui:organisation:{UNIT}",
            "data": data,
        },
        settle,
    )


def post_event(town: Town, event: dict[str, Any], settle: bool = True) -> UUID:
    """Posts an event of the unit."""
    intake = Intake(town.app.web, town.clock, town.app.secret)
    assert intake.post(town.caller(UNIT, "sender"), [event]) == ["accepted"]
    if settle:
        town.settle()
    return posted_id(event["source"], event["id"])


def decided(town: Town, event: UUID, position: int = 0) -> Any:
    """The row of a decision."""
    with town.app.worker.connect() as tx:
        return tx.exec_driver_sql(
            "SELECT * FROM identification WHERE event_id = %s AND position = %s", (event, position)
        ).one()


def everything(town: Town) -> dict[str, str]:
    """Table -> all its rows as text: the whole database, as the owner of nothing but a backup would
    read it.

    Without the divisions, which never change, and without the keys, which a test makes to call at
    all.
    """
    with town.app.worker.connect() as tx:
        tables = (
            tx.exec_driver_sql(
                """SELECT relname
                FROM pg_class
                WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
                AND has_table_privilege('guidui_worker', oid, 'SELECT') ORDER BY relname"""
            )
            .scalars()
            .all()
        )
        return {
            table: "\n".join(
                tx.exec_driver_sql(f"SELECT to_json(t)::text FROM {table} t").scalars()
            )
            for table in tables
            if table not in ("division", "api_key")
        }


def tables_with(town: Town, *words: str) -> set[str]:
    """The tables in which any of the words stands."""
    return {
        table for table, text in everything(town).items() if any(word in text for word in words)
    }
