"""Nobody computes the id of a case; it stays the same on every repetition, and those given
before there was a key stay.
"""

from __future__ import annotations

from uuid import UUID, uuid5

from schemas.departures import posted_id
from services.cases.store import case_ids
from services.kit.db.engine import connect
from services.matcher import announcements
from services.matcher.announcements import batch_of
from tests.stories import county_service
from tests.stories.county_service import COMMUNITY, UNIT

SOURCE = f"urn:guidui:organisation:{UNIT}"


def cases(town) -> list[str]:
    with town.app.worker.connect() as tx:
        return list(
            tx.exec_driver_sql(
                "SELECT id::text FROM transfer_case ORDER BY opened_at, id"
            ).scalars()
        )


def closed(*numbers: int, ident: str) -> dict:
    """One of several events that tell of the same batch."""
    return {
        **county_service.event(0, ident),
        "source": SOURCE,
        "type": "guidui.labour_relation.ended.v1",
        "data": {
            "batch": "closing-2026",
            "effective_on": "2026-06-30",
            "circumstances": {"labour_relation": "ended", "handover": "collective"},
            "persons": [
                {
                    "person": {
                        "name": county_service.name(n),
                        "id_number": county_service.id_number(n),
                    },
                    "to": {"organisation": COMMUNITY},
                }
                for n in numbers
            ],
        },
    }


def test_what_a_sender_knows_does_not_lead_to_the_case(town):
    case = town.leaves(0)
    event = posted_id(SOURCE, "left-0")
    assert case not in {str(uuid5(event, "case:0")), str(event), str(uuid5(event, "group"))}
    town.post(closed(1, 2, ident="closing-1"))
    with town.app.worker.connect() as tx:
        parent = tx.exec_driver_sql(
            "SELECT id::text FROM transfer_case WHERE state = 'bulk_open'"
        ).scalar_one()
    assert parent != str(batch_of(SOURCE, "closing-2026"))


def test_several_events_of_a_batch_lead_to_one_case(town):
    town.post(closed(1, 2, ident="closing-1"))
    town.post(closed(3, 4, ident="closing-2"))
    with town.app.worker.connect() as tx:
        found = tx.exec_driver_sql(
            "SELECT (SELECT count(*) FROM transfer_case WHERE state = 'bulk_open'), "
            "count(DISTINCT parent), count(*) FROM transfer_case WHERE parent IS NOT NULL"
        ).one()
    assert tuple(found) == (1, 1, 4)


def test_two_databases_give_other_ids_and_one_key_gives_the_same():
    plain = UUID(int=7)
    one, other = case_ids.CaseIds(b"a" * 32), case_ids.CaseIds(b"b" * 32)
    assert one.of(plain) == case_ids.CaseIds(b"a" * 32).of(plain) != other.of(plain) and one.of(
        plain
    ) != str(plain)


def test_the_key_is_out_of_reach_of_pages(town):
    town.leaves(0)
    with town.app.web.connect() as tx:
        assert not tx.exec_driver_sql(
            "SELECT has_any_column_privilege('guidui_web', 'case_key', 'SELECT')"
        ).scalar_one()


def test_a_case_from_before_there_was_a_key_keeps_its_id_and_no_second_one_is_opened(
    town, database
):
    """A closed case and a batch with plain ids, as they stood when the key came."""
    town.leaves(0)
    town.post(closed(1, 2, ident="closing-1"))
    event, batch = posted_id(SOURCE, "left-0"), batch_of(SOURCE, "closing-2026")
    with town.app.worker.connect() as tx:
        single, parent = (
            tx.exec_driver_sql(f"SELECT id::text FROM transfer_case WHERE {which}").scalar_one()
            for which in ("member = 'm00000'", "state = 'bulk_open'")
        )
    owner = connect(database.owner_url, None, connections_max=1)
    with owner.begin() as tx:
        for old, new in ((single, uuid5(event, "case:0")), (parent, batch)):
            for table, column in (
                ("transfer_case", "id"),
                ("transfer_case", "parent"),
                ("case_event", "case_id"),
                ("statement", "case_id"),
                ("case_person", "case_id"),
                ("task", "case_id"),
                ("identification", "case_id"),
            ):
                tx.exec_driver_sql(
                    f"UPDATE {table} SET {column} = %s WHERE {column} = %s::uuid", (new, old)
                )
        tx.exec_driver_sql("UPDATE case_key SET former = true")
        tx.exec_driver_sql(
            "UPDATE transfer_case SET state = 'closed_without_move', wake_at = NULL WHERE id = %s",
            (uuid5(event, "case:0"),),
        )
    owner.dispose()
    before = cases(town)
    with town.app.worker.begin() as tx:
        [again] = announcements.read(tx, [event])
        assert again.case_id == str(uuid5(event, "case:0"))
        assert {
            one.parent_id for one in announcements.read(tx, [posted_id(SOURCE, "closing-1")])
        } == {str(batch)}
    town.post(closed(3, 4, ident="closing-2"))
    with town.app.worker.connect() as tx:
        children = tx.exec_driver_sql(
            "SELECT count(*) FROM transfer_case WHERE parent = %s", (batch,)
        ).scalar_one()
        batches = tx.exec_driver_sql(
            "SELECT count(*) FROM transfer_case WHERE state = 'bulk_open'"
        ).scalar_one()
    assert (children, batches, len(cases(town))) == (4, 1, len(before) + 2)


def test_an_event_handled_twice_opens_one_case(town):
    case = town.leaves(0)
    with town.app.worker.begin() as tx:
        tx.exec_driver_sql("DELETE FROM inbox WHERE consumer = 'matcher'")
        tx.exec_driver_sql("DELETE FROM cursors")
    town.settle()
    assert cases(town) == [case]
