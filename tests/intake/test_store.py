"""Keys, and who sees what is stored."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy.exc import ProgrammingError

from schemas.departures import SOURCE_PREFIX
from schemas.examples import EXAMPLES
from services.intake.parse import parse
from services.intake.store import Store
from services.kit.db.engine import rows
from services.kit.errors import Refused
from services.registry.access import CACHE_SECONDS, Keys, create_key, list_keys, look_as, revoke_key
from tests.intake.conftest import SCHOOL, SECRET, UNIT

EVENT = EXAMPLES["guidui.departure.effective.v1"][0]


@pytest.fixture
def caller(web, key):
    return Keys(web).caller(f"Bearer {key}")


def test_a_key_is_kept_as_its_hash_and_listed_without_it(worker, key):
    with worker.begin() as tx:
        (listed,) = list_keys(tx)
        kept = rows(tx, "SELECT * FROM api_key")[0]
    assert (
        listed["organisation"] == UNIT
        and listed["role"] == "sender"
        and listed["revoked_at"] is None
    )
    assert key not in str(dict(kept)) and len(kept["hash"]) == 64


def test_keys_are_for_known_organisations_and_roles(worker, clock):
    for organisation, role in (("999999999999", "sender"), (UNIT, "king")):
        with worker.begin() as tx, pytest.raises(Refused) as refused:
            create_key(tx, organisation, role, clock.now())
        assert refused.value.status == 422


def test_a_revoked_key_ends_within_a_second_and_stores_nothing_meanwhile(
    web, worker, key, clock, caller
):
    seconds = [0.0]
    keys, store = Keys(web, lambda: seconds[0]), Store(web)
    assert keys.caller(f"Bearer {key}") == caller
    with worker.begin() as tx:
        assert revoke_key(tx, caller.key_id, clock.now()) and not revoke_key(
            tx, uuid4(), clock.now()
        )
    assert keys.caller(f"Bearer {key}") == caller
    with pytest.raises(Refused) as refused:
        store.accept(caller, [parse(EVENT, SECRET, clock.now())], clock.now())
    assert refused.value.status == 401
    seconds[0] += CACHE_SECONDS
    with pytest.raises(Refused):
        keys.caller(f"Bearer {key}")
    assert CACHE_SECONDS < 1
    with worker.begin() as tx:
        assert not rows(tx, "SELECT 1 FROM posted_event") and not rows(
            tx, "SELECT 1 FROM event_log"
        )


def test_only_the_organisation_and_those_above_it_see_an_event(web, worker, clock, caller):
    Store(web).accept(caller, [parse(EVENT, SECRET, clock.now())], clock.now())

    def seen(*who) -> list[int]:
        with web.begin() as tx:
            for one in who:
                look_as(tx, one)
            return [
                len(rows(tx, f"SELECT 1 FROM {table}"))
                for table in ("posted_event", "posted_person")
            ]

    with worker.begin() as tx:
        school = create_key(tx, SCHOOL, "department", clock.now())
    neighbour = Keys(web).caller(f"Bearer {school}")
    assert seen(caller) == [1, 1]
    assert seen() == [0, 0]  # on a connection that had a context before
    assert seen(neighbour) == [0, 0]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO posted_event SELECT * FROM posted_event",
        "UPDATE posted_event SET data = '{}'",
        "DELETE FROM posted_event",
        "UPDATE posted_person SET body = NULL",
        "SELECT hash FROM api_key",
        "INSERT INTO event_log (topic) VALUES ('departures')",
    ],
)
def test_the_web_role_has_no_other_way_in(web, statement):
    with pytest.raises(ProgrammingError), web.begin() as tx:
        tx.exec_driver_sql(statement)


def test_a_worker_cannot_rewrite_what_was_posted(worker):
    for statement in (
        "UPDATE posted_event SET data = '{}'",
        "DELETE FROM posted_event",
        "UPDATE posted_person SET position = 3",
        "UPDATE api_key SET organisation = '1'",
    ):
        with pytest.raises(ProgrammingError), worker.begin() as tx:
            tx.exec_driver_sql(statement)


def test_an_event_in_another_organisations_name_is_never_stored(web, clock, caller):
    other = parse(EVENT | {"source": SOURCE_PREFIX + SCHOOL}, SECRET, clock.now())
    with pytest.raises(ValueError, match="another organisation"):
        Store(web).accept(caller, [other], clock.now())
