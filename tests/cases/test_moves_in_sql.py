"""What the database itself refuses, whichever role of the application asks; and what its history
tells.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from uuid import uuid4

import pytest
from sqlalchemy.exc import DBAPIError

from services.cases.commands.decide import decide
from services.cases.deadlines import tasks as deadlines
from services.cases.model import states
from services.cases.model.case import Case, Step
from services.cases.routing.rule_source import default_rules
from services.cases.store import tables
from services.cases.store.tables import Change
from services.kit.errors import Refused
from tests.cases.cast import (
    ACTORS,
    BRANCH,
    CASE,
    CITY,
    COMMUNITY,
    COUNTY,
    DIRECTORY,
    GIVEN,
    HOST,
    NAMED,
    NOW,
    ORIGIN_COUNTY,
    STREET,
    UNIT,
    WORLD,
    case_in,
    uuid_of,
)
from tests.cases.history import rebuilt, stored

INSERT = """INSERT INTO case_event (case_id, seq, at, command, from_state, to_state, change,
    by_organisation, detail)
VALUES (%s::uuid, %s, %s, %s, %s, %s, %s::jsonb, %s, %s::jsonb)"""
DECISION = json.dumps(
    {"decided_by": BRANCH, "meeting_on": "2026-03-19", "approved_by": ORIGIN_COUNTY}
)
STATES = list(states.STATES)
COMMANDS = sorted({command for _, command in states.TRANSITIONS} | set(states.COMMANDS))


def sqlstate(error: DBAPIError) -> str:
    return error.orig.sqlstate


@pytest.fixture
def one_in_each_state(worker, owner):
    """A case in every state, put there by the owner; returns their ids."""
    ids = {state: str(uuid_of(number)) for number, state in enumerate(STATES)}
    with owner.begin() as tx:
        for state, ident in ids.items():
            tx.exec_driver_sql(
                """INSERT INTO transfer_case (id, state, seq, owner, origin, origin_path,
                    destination, destination_path, host, accepted_on, asks, reports)
                VALUES (%s, %s, 1, %s, %s, %s, %s, %s, %s, %s, '[]', '[]')""",
                (
                    ident,
                    state,
                    UNIT,
                    BRANCH,
                    DIRECTORY.path(BRANCH),
                    COMMUNITY,
                    DIRECTORY.path(COMMUNITY),
                    HOST,
                    NOW.date(),
                ),
            )
    return ids


def test_the_table_of_legal_moves_is_the_one_of_the_program(worker):
    with worker.connect() as tx:
        stored = {
            tuple(row)
            for row in tx.exec_driver_sql("SELECT from_state, command, to_state FROM transition")
        }
    assert stored == {
        (source or "", command, target)
        for (source, command), targets in states.TRANSITIONS.items()
        for target in targets
    }


def test_the_fields_of_a_case_are_the_columns_of_its_table(worker):
    with worker.connect() as tx:
        columns = set(
            tx.exec_driver_sql("""SELECT attname FROM pg_attribute
                WHERE attrelid = 'transfer_case'::regclass AND attnum > 0
                    AND NOT attisdropped""").scalars()
        )
    assert columns == {f.name for f in fields(Case)}


# tries every (state, command, target) outside the table as the session's role; tells those that did
# not fail as asked
_TRY_ALL = """
DO $$
DECLARE v record; v_wrong text := '';
BEGIN
    FOR v IN
        SELECT c.id, c.seq, c.state, k.command, t.target
        FROM transfer_case c, json_array_elements_text('{commands}') k(command),
             json_array_elements_text('{states}') t(target)
        WHERE NOT EXISTS (SELECT FROM transition x
                          WHERE x.from_state = c.state AND x.command = k.command
                              AND x.to_state = t.target)
    LOOP
        BEGIN
            INSERT INTO case_event (case_id, seq, at, command, from_state, to_state, change,
                by_organisation, detail)
            VALUES (v.id, v.seq + 1, '2026-03-20', v.command, v.state, v.target, '{{}}', '{unit}',
                '{decision}');
            v_wrong := v_wrong || concat(' ', v.state, ' ', v.command, ' ', v.target);
        EXCEPTION WHEN check_violation THEN NULL;
        END;
    END LOOP;
    IF v_wrong <> '' THEN RAISE EXCEPTION USING MESSAGE = 'not refused:' || v_wrong; END IF;
END $$"""


def test_no_illegal_move_can_be_written_by_the_worker(worker, one_in_each_state):
    with worker.begin() as tx:
        tx.exec_driver_sql(
            _TRY_ALL.format(
                commands=json.dumps(COMMANDS),
                states=json.dumps(STATES),
                unit=UNIT,
                decision=DECISION,
            )
        )
    with worker.connect() as tx:
        found = {
            str(r.id): (r.state, r.seq)
            for r in tx.exec_driver_sql("SELECT id, state, seq FROM transfer_case")
        }
    assert found == {ident: (state, 1) for state, ident in one_in_each_state.items()}


def test_every_legal_move_can_be_written_and_moves_the_case(worker, one_in_each_state):
    with worker.connect() as tx:
        for (source, command), targets in states.TRANSITIONS.items():
            for target in sorted(targets) if source else ():
                ident = one_in_each_state[source]
                change = {"owner": None} if target in states.TERMINAL else {}
                tx.exec_driver_sql(
                    INSERT,
                    (ident, 2, NOW, command, source, target, json.dumps(change), UNIT, DECISION),
                )
                assert (
                    tx.exec_driver_sql(
                        "SELECT state FROM transfer_case WHERE id = %s::uuid", (ident,)
                    ).scalar_one()
                    == target
                ), (source, command)
                tx.rollback()


def test_a_move_from_a_state_that_is_not_the_cases_own_is_refused(worker, one_in_each_state):
    for state in STATES:
        for claimed in ("triaged", "arrived"):
            if claimed == state:
                continue
            with worker.connect() as tx, pytest.raises(DBAPIError) as error:
                tx.exec_driver_sql(
                    INSERT,
                    (one_in_each_state[state], 2, NOW, "join", claimed, claimed, "{}", None, None),
                )
            assert sqlstate(error.value) == "GD409"


def refused_by_the_table(tx, *row) -> bool:
    """Whether the history row is refused; nothing of it stays either way."""
    attempt = tx.begin_nested()
    try:
        tx.exec_driver_sql(INSERT, row)
    except DBAPIError as error:
        assert sqlstate(error) in ("23514", "GD403"), error
        return True
    finally:
        attempt.rollback()
    return False


def test_an_organisation_without_a_part_writes_no_command_of_people(worker, one_in_each_state):
    """Every legal (state, command) by every actor: who has no part in the case, or is nobody, is
    refused.
    """
    with worker.connect() as tx:
        for (source, command), targets in states.TRANSITIONS.items():
            if not source or command not in states.COMMANDS:
                continue
            target = min(targets)
            change = json.dumps({"owner": None} if target in states.TERMINAL else {})
            for actor in (*ACTORS, None):
                wanted = actor not in {
                    BRANCH,
                    UNIT,
                    ORIGIN_COUNTY,
                    CITY,
                    COUNTY,
                    STREET,
                    COMMUNITY,
                    HOST,
                }
                assert (
                    refused_by_the_table(
                        tx,
                        one_in_each_state[source],
                        2,
                        NOW,
                        command,
                        source,
                        target,
                        change,
                        actor,
                        DECISION,
                    )
                    == wanted
                ), (source, command, actor)


@pytest.mark.parametrize("left_out", ["decided_by", "meeting_on", "approved_by"])
def test_no_standing_changes_without_a_whole_decision(worker, one_in_each_state, left_out: str):
    decision = json.dumps({k: v for k, v in json.loads(DECISION).items() if k != left_out})
    with worker.connect() as tx:
        for source, command, target in (
            ("lost_contact", "suspend", "suspended"),
            ("suspended", "restore", "restored"),
            ("suspended", "strike_off", "struck_off"),
        ):
            change = json.dumps({"owner": None} if target in states.TERMINAL else {})
            row = (one_in_each_state[source], 2, NOW, command, source, target, change, UNIT)
            assert refused_by_the_table(tx, *row, decision) and not refused_by_the_table(
                tx, *row, DECISION
            )


DIRECT = [
    "UPDATE transfer_case SET state = 'moved'",
    "UPDATE transfer_case SET destination = origin",
    "UPDATE transfer_case SET wake_at = NULL",
    "DELETE FROM transfer_case",
    "INSERT INTO transfer_case (id, state, seq, owner) VALUES (gen_random_uuid(), 'triaged', 1, "
    "'x')",
    "TRUNCATE transfer_case CASCADE",
    "ALTER TABLE transfer_case DISABLE TRIGGER ALL",
    "ALTER TABLE case_event DISABLE TRIGGER case_event_moves",
    "DROP TRIGGER case_event_moves ON case_event",
    "SET session_replication_role = replica",
    "UPDATE case_event SET reason = 'x'",
    "DELETE FROM case_event",
    "TRUNCATE case_event",
    "INSERT INTO case_party VALUES (gen_random_uuid(), 'x', 'x.')",
    "DELETE FROM case_party",
    "UPDATE member SET organisation = 'x'",
    "UPDATE member SET path = 'x.'",
    "DELETE FROM member",
    "INSERT INTO transition VALUES ('triaged', 'accept', 'accepted')",
    "DELETE FROM transition",
    "UPDATE statement SET facts = '{}'",
    "DELETE FROM statement",
    "DELETE FROM task",
    "UPDATE case_look SET purpose = 'x'",
    "DELETE FROM case_look",
    "UPDATE event_log SET body = '{}'",
    "DELETE FROM event_log",
]


@pytest.mark.parametrize("role", ["worker", "web"])
def test_nothing_of_a_case_can_be_written_past_its_history(request, worker, role: str):
    for sql in DIRECT:
        with request.getfixturevalue(role).connect() as tx, pytest.raises(DBAPIError) as error:
            tx.exec_driver_sql(sql)
        assert sqlstate(error.value) == "42501", sql


def test_pages_cannot_write_history_at_all(worker, web):
    for table in (
        "case_event",
        "statement",
        "task",
        "case_person",
        "case_look",
        "event_log",
        "member",
    ):
        with web.connect() as tx, pytest.raises(DBAPIError) as error:
            tx.exec_driver_sql(f"INSERT INTO {table} DEFAULT VALUES")
        assert sqlstate(error.value) == "42501", table


def opened(case_id: str, member: str | None = "m1") -> Change:
    case = case_in(states.ANNOUNCED).replace(
        id=case_id, seq=0, member=member, accepted_on=None, branch=None, asks=[]
    )
    return Change(None, deadlines.settle(case, WORLD), [Step("open", None, states.ANNOUNCED, UNIT)])


def moved(case: Case, command: str, actor: str, **given) -> Change:
    move = decide(case, command, actor, given or GIVEN[command], WORLD, NAMED)
    return Change(case, move.case, move.steps)


def write(engine, change: Change) -> Case:
    with engine.begin() as tx:
        return tables.write(tx, [change], default_rules().context(tx, NOW))[0]


def test_a_number_of_the_history_is_used_once_and_in_order(worker):
    case = write(worker, opened(CASE))
    for seq in (case.seq, case.seq + 2, 1):
        with worker.connect() as tx, pytest.raises(DBAPIError):
            tx.exec_driver_sql(
                INSERT, (CASE, seq, NOW, "join", case.state, case.state, "{}", None, None)
            )
    with worker.connect() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM case_event").scalar_one() == 1


def test_of_two_who_move_a_case_at_once_one_wins(worker):
    case = write(worker, opened(CASE))
    first, second = worker.connect(), worker.connect()
    with first, second, ThreadPoolExecutor(1) as other:
        context = default_rules().context(first, NOW)
        tables.write(first, [moved(case, "triage", BRANCH)], context)
        late = other.submit(tables.write, second, [moved(case, "close", UNIT)], context)
        first.commit()
        with pytest.raises(Refused) as refused:
            late.result(60)
        second.rollback()
    assert refused.value.status == 409 and refused.value.code == "moved-meanwhile"
    with worker.connect() as tx:
        assert tables.load(tx, [CASE])[CASE].state == states.TRIAGED
        assert (
            tx.exec_driver_sql("SELECT count(*) FROM event_log WHERE topic = 'cases'").scalar_one()
            == 2
        )


def test_a_hundred_who_open_a_case_of_one_member_open_one(worker):
    def attempt(_: int) -> bool:
        try:
            write(worker, opened(str(uuid4())))
        except Refused as refused:
            assert refused.status == 409
            return False
        return True

    with ThreadPoolExecutor(10) as many:
        won = sum(many.map(attempt, range(100)))
    with worker.connect() as tx:
        assert (
            tx.exec_driver_sql(
                "SELECT count(*) FROM transfer_case WHERE member = 'm1'"
            ).scalar_one()
            == won
            == 1
        )


def test_a_second_case_may_open_once_the_first_is_accepted_or_ended(worker):
    write(worker, moved(write(worker, opened(CASE)), "close", UNIT))
    write(worker, opened(str(uuid4())))
    write(worker, opened(str(uuid4()), "m2"))


def home(engine) -> tuple[str, str]:
    with engine.connect() as tx:
        return tuple(
            tx.exec_driver_sql("SELECT organisation, path FROM member WHERE member = 'm1'").one()
        )


def test_only_an_acceptance_moves_the_member(worker):
    case, before = write(worker, opened(CASE)), home(worker)
    for command, actor, given in (
        ("triage", BRANCH, GIVEN["triage"]),
        ("confirm_destination", BRANCH, {"member_informed": True, "organisation": COMMUNITY}),
        ("submit", BRANCH, GIVEN["submit"]),
        ("issue_letter", UNIT, GIVEN["issue_letter"]),
        ("record_arrival", COMMUNITY, {}),
    ):
        case = write(worker, moved(case, command, actor, **given))
        assert home(worker) == before, command
    case = write(worker, moved(case, "accept", STREET))
    after = home(worker)
    assert after[0] == COMMUNITY and after[1].endswith(f"{STREET}.{COMMUNITY}.")
    for command, actor in (
        ("place", COMMUNITY),
        ("send_receipt", STREET),
        ("record_receipt", UNIT),
    ):
        case = write(worker, moved(case, command, actor))
        assert home(worker) == after, command
    with worker.connect() as tx:
        assert rebuilt(tx, CASE) == stored(tx, CASE)
    assert case.state == states.MOVED
