"""Whatever breaks the rules behind the application's back, the check of that rule says so."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.kit.db.engine import connect
from services.tools.city import invariants
from services.tools.city.checker import Beside, Question
from services.tools.city.run import START, City, commit_lightly

DAYS = 365


@pytest.fixture
def city(database):
    """A city that has lived for some months; nothing is broken in it."""
    commit_lightly(database.owner_url)
    played = City(database.app_url, 60, DAYS, 7)
    for number in range(DAYS):
        played.day(START + timedelta(days=number))
    played.finish()
    assert not played.report.broken
    yield played
    played.machine.close()


@pytest.fixture
def owner(database):
    """The owner, who can do what no part of the application can."""
    engine = connect(database.owner_url, None, connections_max=1)
    yield engine
    engine.dispose()


_MOVED = """(SELECT c.id FROM transfer_case c
    JOIN case_event e ON e.case_id = c.id AND e.command = 'accept'
    WHERE c.state = 'moved' ORDER BY c.id LIMIT 1)"""
_OPEN = (
    "(SELECT id FROM transfer_case WHERE owner IS NOT NULL AND member IS NOT NULL ORDER BY id "
    "LIMIT 1)"
)
BREACHES = {
    "one owner": [f"UPDATE transfer_case SET owner = '999999999999' WHERE id = {_OPEN}"],
    "one case before accepted": [
        "DROP INDEX one_case_per_member",
        """UPDATE transfer_case
        SET member = (SELECT member FROM transfer_case WHERE state = 'stay_approved' LIMIT 1)
        WHERE state = 'letter_expired'""",
    ],
    "affiliation moves on acceptance alone": [
        """UPDATE member
        SET (organisation, path) = (SELECT code, path FROM organisation WHERE code = '620104010001')
        WHERE member = 'm00001'"""
    ],
    "a member's path is their organisation's": [
        "UPDATE member SET path = '620100010001.' WHERE member = 'm00002'"
    ],
    "a case's paths are its organisations'": [
        f"UPDATE transfer_case SET origin_path = '1.' WHERE id = {_OPEN}"
    ],
    "only legal moves": [
        f"UPDATE case_event SET command = 'accept' WHERE seq = 1 AND case_id = {_MOVED}"
    ],
    "history has no gap": [f"DELETE FROM case_event WHERE seq = 2 AND case_id = {_MOVED}"],
    "history tells the case": [
        f"UPDATE transfer_case SET obstacle = 'other', refusals = 9 WHERE id = {_MOVED}"
    ],
    "a letter is good for 90 days at most": [
        "ALTER TABLE transfer_case DROP CONSTRAINT transfer_case_check1",
        f"UPDATE transfer_case SET letter_expires_on = letter_issued_on + 91 WHERE id = {_MOVED}",
    ],
    "a letter runs out the day after its last": [
        "UPDATE transfer_case SET letter_expires_on = '2027-12-31', letter_issued_on = "
        "'2027-12-01' "
        "WHERE state = 'letter_expired'"
    ],
    "the letter's status follows the state": [
        f"UPDATE transfer_case SET letter_status = 'valid' WHERE id = {_MOVED}"
    ],
    "a letter's number is given once": [
        """UPDATE case_event SET change = jsonb_set(change, '{letter_number}', '"1"')
           WHERE command = 'issue_letter'"""
    ],
    "nobody arrives on a void letter": [
        """UPDATE case_event
        SET detail = '{"letter_number": "void"}'
        WHERE command = 'record_arrival'"""
    ],
    "a late acceptance has its decision": [
        f"UPDATE transfer_case SET letter_expires_on = accepted_on - 1, letter_issued_on = "
        f"accepted_on - 9, "
        f"late = true WHERE id = {_MOVED}",
        f"UPDATE case_event SET detail = '{{}}' WHERE command = 'accept' AND case_id = {_MOVED}",
    ],
    "a second or unlisted refusal goes up": [
        """UPDATE case_event
        SET command = 'refuse', reason = 'no_power'
        WHERE command IN ('triage', 'match')
        AND case_id IN (SELECT case_id FROM case_event GROUP BY case_id HAVING count(*) > 1)""",
        """UPDATE case_event SET to_state = 'escalated' WHERE command = 'refuse'""",
    ],
    "standing changes by named decisions alone": [
        "UPDATE member SET standing = 'suspended' WHERE member = 'm00003'"
    ],
    "a batch ends when its last child has": [
        "UPDATE transfer_case SET state = 'bulk_closed', owner = NULL WHERE state = 'bulk_open'"
    ],
    "deadlines are what the rules compute": [
        "UPDATE transfer_case SET wait_due = wait_due + 1 WHERE wait_due IS NOT NULL AND owner IS "
        "NOT NULL"
    ],
    "the tasks that should stand do": [
        "UPDATE task SET closed_at = opened_at WHERE case_id IS NOT NULL"
    ],
    "a member's own tasks stand": ["DELETE FROM task WHERE case_id IS NULL AND closed_at IS NULL"],
    "no task at a case that has ended": [
        f"UPDATE task SET closed_at = NULL WHERE case_id = {_MOVED}"
    ],
    "the audit counts what the flags say": [
        f"UPDATE transfer_case SET origin_path = '1.' WHERE id = {_OPEN}"
    ],
    "a correction joins the case it corrects": ["UPDATE case_event SET command = 'withdraw'"],
    "whoever owes an act was told": ["DELETE FROM notice"],
    "the outbox tells every move": [f"DELETE FROM event_log WHERE key = {_MOVED}::text"],
    "every message took effect": ["DELETE FROM inbox WHERE consumer = 'matcher'"],
    "nothing on the dead-letter desk": [
        """INSERT INTO dead_letter (consumer, event_id, topic, type, time, reason_zh, reason_en,
            attempts, state, at)
        SELECT 'matcher', event_id, topic, type, time, '坏', 'bad', 1, 'open', at FROM event_log
            LIMIT 1"""
    ],
    "every person posted has one outcome": ["DELETE FROM identification WHERE decision = 'match'"],
    "who is in review is asked for": [
        "UPDATE identification SET decision = 'review' WHERE decision = 'match'"
    ],
    "what was accepted is stored": ["DELETE FROM posted_event WHERE type = 'guidui.dues.paid.v1'"],
    "a change of the tree takes effect on its day": [
        """UPDATE posted_event SET type = 'guidui.organisation.changed.v1'
           WHERE id = (SELECT id FROM posted_event WHERE type = 'guidui.dues.paid.v1' ORDER BY id
               LIMIT 1)"""
    ],
    "nothing stays of a stranger": [
        """UPDATE posted_person SET body = '{}' WHERE (event_id, position) IN
           (SELECT event_id, position FROM identification WHERE decision = 'not_a_member')"""
    ],
    "no stranger is ever a party": [
        """INSERT INTO case_party SELECT r.case_id, r.organisation, '1.'
        FROM report r
        WHERE r.case_id IS NOT NULL
        ON CONFLICT DO NOTHING"""
    ],
    "what others report moves nothing": [
        """INSERT INTO statement (id, case_id, event, position, source, ext_id, time, kind, facts)
           SELECT gen_random_uuid(), r.case_id, r.event_id, r.position, '', '', r.time, r.kind, '{}'
               FROM report r
           WHERE r.case_id IS NOT NULL"""
    ],
}


def test_every_breach_is_named(city, owner):
    """One city, broken in one way at a time, each undone again."""
    unseen = []
    loaded = {m["member"]: m["organisation"] for m in city.town.members}
    with owner.connect() as tx:
        accepted = tx.exec_driver_sql("SELECT count(*) FROM posted_event").scalar_one()
    for name, breach in BREACHES.items():
        with owner.connect() as tx:
            for trigger in ("case_event", "transfer_case", "posted_event"):
                tx.exec_driver_sql(f"ALTER TABLE {trigger} DISABLE TRIGGER USER")
            for sql in breach:
                changed = tx.exec_driver_sql(sql).rowcount
            tx.exec_driver_sql("GRANT guidui_worker TO CURRENT_USER")
            tx.exec_driver_sql("SET LOCAL ROLE guidui_worker")  # the checks look as the workers do
            sight = invariants.whole_sight(
                tx,
                city.machine.clock.now(),
                city.machine.rule_source,
                loaded,
                accepted,
                [("matcher", "departures")],
            )
            if name not in {b.check for b in invariants.look(sight)}:
                unseen.append((name, changed))
            tx.rollback()
    assert not unseen


def test_what_a_step_left_is_seen_though_the_city_went_on(database, city, owner):
    """The process beside looks at what was there when it was asked."""
    wrong, right = (
        "UPDATE transfer_case SET wait_due = wait_due + 1 WHERE wait_due IS NOT NULL AND owner IS "
        "NOT NULL",
        "UPDATE transfer_case SET wait_due = wait_due - 1 WHERE wait_due IS NOT NULL AND owner IS "
        "NOT NULL",
    )
    eyes = Beside(database.app_url, city.machine.rule_source, {})
    try:
        with owner.begin() as tx:
            tx.exec_driver_sql("ALTER TABLE transfer_case DISABLE TRIGGER USER")
            tx.exec_driver_sql(wrong)
        with city.machine.app.worker.connect() as tx:
            assert eyes.ask(tx, Question(city.machine.clock.now())) == []
        with owner.begin() as tx:
            tx.exec_driver_sql(right)
        with city.machine.app.worker.connect() as tx:
            [(_, first)] = eyes.ask(tx, Question(city.machine.clock.now()))
        [(_, second)] = eyes.rest()
    finally:
        eyes.close()
    name = "deadlines are what the rules compute"
    assert name in {b.check for b in first} and name not in {b.check for b in second}


def test_every_check_is_broken_in_a_test_and_names_its_source():
    names = [check.name for check in invariants.CHECKS]
    assert len(names) == len(set(names)) and all(check.source for check in invariants.CHECKS)
    assert set(BREACHES) == set(names)
