"""Undone after people have acted, or for a sign of life: the member's whole file, in all tables,
without the stranger.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from services.kit.db.engine import connect
from services.kit.errors import Refused
from services.matcher import four_eyes
from services.matcher.confirmed_addresses import listed
from services.matcher.reviews import decide
from services.matcher.undo import undo_match
from services.records import double_reports
from services.registry.load import load_rows
from services.tools.city.invariants import look, whole_sight
from tests.people.posting import (
    ADDRESS,
    STRANGER,
    decided,
    everything,
    post,
    post_departure,
    post_event,
    tables_with,
)
from tests.people.test_undo import IN_DOUBT, taken_for, undo
from tests.portal.town import DEPARTMENT, ROAD, text
from tests.stories import county_service
from tests.stories.county_service import BRANCH, COMMUNITY, STREET, UNIT

MEMBER = "m00003"
AT_HOME = "浙江省绍兴市柯桥区柯桥街道管墅社区18号"
HOME = "浙江省绍兴市柯桥区柯桥街道云上花苑3幢2单元501室"
# how messages travel, who was undone, and how often a prompt that stands again was told
BESIDE = {
    "event_log",
    "inbox",
    "cursors",
    "identification_undone",
    "notice",
    "notice_attempt",
    "reviewed_pair",
}


def file_of(town, member: str = MEMBER) -> dict[str, set[str]]:
    """Table -> every row that is the member's: that names them, or a case of theirs."""
    held = everything(town)
    # a task that is opened again is written again: the number of the transaction is of the writing,
    # not of the member
    held["task"] = re.sub(r'"xid":"[0-9]+"', '"xid":"0"', held["task"])
    cases = [
        json.loads(line)["id"]
        for line in held["transfer_case"].splitlines()
        if f'"{member}"' in line
    ]
    found = {
        table: {
            line
            for line in lines.splitlines()
            if any(f'"{key}"' in line for key in (member, *cases))
        }
        for table, lines in held.items()
        if table not in BESIDE
    }
    return {table: lines for table, lines in found.items() if lines}


def driven(town, case: str, upto: str) -> None:
    """People act on a case up to a command; what they write names the stranger, as people do."""
    for organisation, command, fields in ROAD:
        if command == "record_arrival":
            town.give(UNIT, case, "note", text=f"{STRANGER['phone']} 已联系，住 {HOME}")
            town.give(
                STREET, case, "ask", organisation=UNIT, text=f"电话 {STRANGER['phone']} 打不通"
            )
        town.give(organisation, case, command, **fields)
        if command == upto:
            return


def broken(town) -> list:
    with town.app.worker.connect() as tx:
        members = tx.exec_driver_sql("SELECT member FROM member").scalars().all()
        return look(
            whole_sight(tx, town.clock.now(), town.app.rule_source, dict.fromkeys(members, BRANCH))
        )


def register_says(town, **cells: str) -> None:
    """Loads the member's row anew, with these cells."""
    row = {
        "member": MEMBER,
        "name": county_service.name(3),
        "id_number": county_service.id_number(3),
        "status": "full",
        "standing": "normal",
        "organisation": BRANCH,
        "phone": "13900000003",
    }
    load_rows(town.app.worker, "members", [row | cells], town.clock)


def sign(town, kind: str, ident: str = "sign", person=IN_DOUBT, **data):
    return post_event(
        town,
        {
            "specversion": "1.0",
            "type": f"guidui.{kind}.v1",
            "id": ident,
            "source": f"urn:guidui:organisation:{UNIT}",
            "data": {"person": person, **data},
        },
    )


def takes(town, event, member: str = MEMBER) -> None:
    """The desk takes who is in doubt for a member."""
    with town.app.acts.begin() as tx:
        decide(tx, town.app, event, 0, {"member": member}, UNIT)
    town.settle()


@pytest.mark.parametrize(
    "upto, state",
    [
        ("accept", "accepted"),
        ("place", "placed"),
        ("send_receipt", "receipt_sent"),
        ("record_receipt", "moved"),
    ],
)
def test_after_the_acceptance_the_acts_stay_and_the_stranger_goes(town, upto, state):
    event = post(town, "in-doubt", IN_DOUBT, to={"organisation": COMMUNITY, "address": HOME})
    takes(town, event)
    case = str(decided(town, event).case_id)
    driven(town, case, upto)
    with town.app.worker.connect() as tx:
        acts = tx.exec_driver_sql(
            "SELECT seq, command, by_organisation, to_state FROM case_event "
            "WHERE case_id = %s::uuid ORDER BY seq",
            (case,),
        ).all()
        assert [one.address for one in listed(tx)] != []
    answer = undo(town, event, reason="名字相同", member="m00004")
    assert (answer["case_stays"], answer["affiliation"], answer["standing"]) == (
        True,
        COMMUNITY,
        "normal",
    )
    assert (
        answer["decision"] == "match"
        and answer["case"] not in (None, case)
        and town.state(case) == state
    )
    mine = "\n".join(line for lines in file_of(town).values() for line in lines)
    for trace in (STRANGER["phone"], HOME, "云上花苑", "layoff", "B15", "dispersed", str(event)):
        assert trace not in mine, trace
    assert MEMBER in mine and COMMUNITY in mine
    with town.app.worker.connect() as tx:
        rows = tx.exec_driver_sql(
            "SELECT seq, command, by_organisation, to_state FROM case_event "
            "WHERE case_id = %s::uuid ORDER BY seq",
            (case,),
        ).all()
        assert rows[:-1] == acts and rows[-1].command == "undo_match"
        assert [one.case_id for one in listed(tx, withdrawn=True)] == []
        shown = tx.exec_driver_sql(
            "SELECT name, phone, address FROM case_person WHERE case_id = %s::uuid", (case,)
        ).one()
        note = tx.exec_driver_sql(
            "SELECT detail ->> 'text' FROM case_event WHERE case_id = %s::uuid AND command = "
            "'note'",
            (case,),
        ).scalar_one()
    assert (
        tuple(shown) == (county_service.name(3), "13900000003", None) and note == "○○ 已联系，住 ○○"
    )
    assert broken(town) == []
    again = undo(town, event, reason="也不是", not_a_member=True)
    assert (
        again["case_stays"] is False
        and tables_with(town, STRANGER["phone"], HOME, "云上花苑") == set()
    )


def test_a_case_of_the_member_s_own_that_went_through_keeps_what_its_own_event_stated(town):
    own = town.leaves(3)
    event, case = taken_for(town, 3)
    assert case == own
    driven(town, case, "accept")
    answer = undo(town, event, reason="名字相同", not_a_member=True)
    assert answer["case_stays"] is False  # nothing need be put right: the member did leave
    assert tables_with(town, STRANGER["phone"], ADDRESS) == set()
    with town.app.worker.connect() as tx:
        row = tx.exec_driver_sql(
            "SELECT member, state, category, rule FROM transfer_case WHERE id = %s::uuid", (case,)
        ).one()
    assert tuple(row) == (MEMBER, "accepted", "layoff", "B15") and broken(town) == []


DECISION = {"decided_by": UNIT, "meeting_on": "2026-11-23", "approved_by": DEPARTMENT}
STAY = ("approve_stay", {"reason": "出国定居", "review_on": "2027-11-23"})


@pytest.mark.parametrize(
    "category, acts, state, standing",
    [
        ("study_abroad", [STAY, ("suspend", DECISION)], "suspended", "suspended"),
        (
            "study_abroad",
            [STAY, ("suspend", DECISION), ("restore", DECISION)],
            "closed_without_move",
            "normal",
        ),
        ("death", [("close", {"reason": "deceased"})], "closed_without_move", "ended"),
    ],
)
def test_a_decision_on_standing_stays_with_its_case_until_people_change_it(
    town, category, acts, state, standing
):
    event = post(
        town, "in-doubt", IN_DOUBT, category=category, circumstances={"settled_abroad": True}
    )
    takes(town, event)
    case = str(decided(town, event).case_id)
    for command, fields in acts:
        town.give(BRANCH if command == "close" else UNIT, case, command, **fields)
    answer = undo(town, event, reason="名字相同", not_a_member=True)
    assert (answer["case_stays"], answer["affiliation"], answer["standing"]) == (
        True,
        BRANCH,
        standing,
    )
    assert town.state(case) == state and tables_with(town, STRANGER["phone"], ADDRESS) == set()
    mine = "\n".join(line for lines in file_of(town).values() for line in lines)
    assert (
        case in mine
        and category not in mine
        and "settled_abroad" not in mine
        and broken(town) == []
    )


@pytest.mark.parametrize(
    "kind, data",
    [
        ("life.attended", {"on": "2026-11-20"}),
        ("dues.paid", {"paid_to": "2026-10"}),
        ("contact.attempt", {"on": "2026-11-20", "reached": True, "channel": "phone"}),
    ],
)
def test_a_sign_that_was_another_s_leaves_the_whole_file_as_it_was(town, kind, data):
    long_ago = town.clock.now().date() - timedelta(days=140)
    register_says(town, dues_paid_to="2026-06", last_life_on=long_ago.isoformat())
    with town.app.worker.begin() as tx:
        tx.exec_driver_sql('SELECT member_signs(\'[{"member": "m00003"}]\'::json)')
    town.settle()
    before = file_of(town)
    assert "task" in before and "member" in before  # the talk that is due (t12) stands
    event = sign(town, kind, **data)
    takes(town, event)
    assert file_of(town) != before
    answer = undo(town, event, reason="名字相同", member="m00004")
    assert answer["decision"] == "match" and answer["case"] is None
    assert file_of(town) == before
    assert "member_sign" in file_of(town, "m00004") and broken(town) == []


def test_the_other_signs_and_what_the_register_says_meanwhile_count_on(town):
    wrong = sign(town, "life.attended", on="2026-11-20")
    takes(town, wrong)
    known = {"name": county_service.name(3), "id_number": county_service.id_number(3)}
    sign(town, "life.attended", "own", known, on="2026-09-01")
    sign(town, "dues.paid", "dues", known, paid_to="2026-08")

    def says():
        with town.app.worker.connect() as tx:
            return tuple(
                tx.exec_driver_sql(
                    "SELECT last_life_on::text, dues_paid_to FROM member WHERE member = %s",
                    (MEMBER,),
                ).one()
            )

    assert says() == ("2026-11-20", "2026-08")
    register_says(town, last_life_on="2026-10-02", dues_paid_to="2026-05")
    assert says() == ("2026-11-20", "2026-08")
    undo(town, wrong, reason="名字相同", not_a_member=True)
    assert says() == ("2026-10-02", "2026-08")


def test_a_contact_that_was_another_s_does_not_stop_the_clock_of_a_stay(town):
    case = town.leaves(3, to={}, category="study_abroad")
    town.give(
        UNIT, case, "approve_stay", reason="公派留学", review_on="2028-11-23", contact_interval=2
    )
    town.clock.advance_to(town.clock.now() + timedelta(days=62))
    town.settle()

    def stands():
        with town.app.worker.connect() as tx:
            tasks = tx.exec_driver_sql(
                "SELECT id, due_on FROM task WHERE case_id = %s::uuid AND closed_at IS NULL "
                "ORDER BY id",
                (case,),
            ).all()
            row = tx.exec_driver_sql(
                "SELECT contacted_on, state, wake_at FROM transfer_case WHERE id = %s::uuid",
                (case,),
            ).one()
        return tasks, tuple(row)

    before = stands()
    assert before[0]
    event = sign(
        town,
        "contact.attempt",
        on=town.clock.now().date().isoformat(),
        reached=True,
        channel="phone",
    )
    takes(town, event)
    assert stands() != before
    undo(town, event, reason="名字相同", not_a_member=True)
    assert stands() == before and broken(town) == []


def test_a_sign_that_its_sender_withdraws_or_corrects_counts_no_more(town):
    known = {"name": county_service.name(3), "id_number": county_service.id_number(3)}
    sign(town, "life.attended", "a", known, on="2026-11-20")
    sign(town, "life.attended", "b", known, on="2026-10-20", corrects="a")
    with town.app.worker.connect() as tx:
        said = tx.exec_driver_sql(
            "SELECT last_life_on::text FROM member WHERE member = %s", (MEMBER,)
        ).scalar_one()
    assert said == "2026-10-20"
    post_event(
        town,
        {
            "specversion": "1.0",
            "type": "guidui.departure.withdrawn.v1",
            "id": "w",
            "source": f"urn:guidui:organisation:{UNIT}",
            "data": {"corrects": "b"},
        },
    )
    with town.app.worker.connect() as tx:
        assert (
            tx.exec_driver_sql(
                "SELECT last_life_on FROM member WHERE member = %s", (MEMBER,)
            ).scalar_one()
            is None
        )


def test_where_the_rule_asks_for_it_two_persons_undo(town, reader):
    event, case = taken_for(town, 3)
    with town.app.worker.begin() as tx:
        four_eyes.rule(tx, f"{county_service.CITY}.{DEPARTMENT}.", True, town.clock.now())
    body = {"reason": "名字相同", "member": "m00004"}

    def by(person: str, **more):
        with town.app.acts.begin() as tx:
            return undo_match(
                tx,
                town.app,
                town.caller(DEPARTMENT, "department"),
                f"{event}:0",
                {**body, **more},
                person,
            )

    assert by("甲")["undone"] is False and town.state(case) == "triaged"
    department = reader("department")
    assert "待第二人纠正" in text(department.get("/reviews"))
    assert "甲 已提出纠正" in text(department.get(f"/reviews/{event}:0/undo"))
    with pytest.raises(Refused) as refused:
        by("甲")
    assert refused.value.code == "second-person-needed"
    assert (
        by("乙", member=None)["undone"] is False
    )  # differs: back to the desk; a proposal of its own
    assert by("甲", member=None)["undone"] is True and decided(town, event).decision == "review"


def test_one_of_a_roster_leaves_it_with_the_stranger_and_the_roster_stays_whole(town):
    event = post_departure(
        town,
        "roster",
        {
            "category": "layoff",
            "persons": [
                {"person": IN_DOUBT, "to": {"address": ADDRESS, "organisation": COMMUNITY}}
            ],
        },
    )
    takes(town, event)
    first = str(decided(town, event).case_id)
    answer = undo(town, event, reason="名字相同", member="m00004")
    with town.app.worker.connect() as tx:
        parents = dict(
            tx.exec_driver_sql(
                "SELECT id::text, parent FROM transfer_case WHERE parent IS NOT NULL OR state LIKE "
                "'bulk%%' OR id = ANY (%s::uuid[])",
                ([first, answer["case"]],),
            ).all()
        )
        bulk = tx.exec_driver_sql(
            "SELECT state FROM transfer_case WHERE state LIKE 'bulk%%'"
        ).scalar_one()
    assert parents[first] is None and parents[answer["case"]] is not None and bulk == "bulk_open"
    undo(town, event, reason="都不是", not_a_member=True)
    with town.app.worker.connect() as tx:
        assert (
            tx.exec_driver_sql(
                "SELECT state FROM transfer_case WHERE state LIKE 'bulk%%'"
            ).scalar_one()
            == "bulk_closed"
        )
    assert broken(town) == []


@pytest.mark.parametrize("right", ["m00004", None])
def test_a_registration_at_the_community_goes_to_whom_it_was_about_or_away(town, right):
    event = post(
        town,
        "in-doubt",
        IN_DOUBT,
        category="relocation",
        to={"address": AT_HOME},
        circumstances={"unit_has_organisation": True},
    )
    takes(town, event)
    case = str(decided(town, event).case_id)
    with town.app.worker.begin() as tx:
        report = double_reports.register(tx, COMMUNITY, case, None, town.clock.now())
        post_ = double_reports.open_post(tx, COMMUNITY, "楼道长", 3, town.clock.now())
        tx.exec_driver_sql(
            "INSERT INTO post_claim VALUES (%s, %s, %s, %s)",
            (event, post_, report, town.clock.now()),
        )
    assert "double_report" in file_of(town)
    undo(town, event, reason="名字相同", **({"member": right} if right else {"not_a_member": True}))
    assert "double_report" not in file_of(town)
    with town.app.worker.connect() as tx:
        assert tx.exec_driver_sql("SELECT member, name FROM double_report").all() == (
            [("m00004", county_service.name(4))] if right else []
        )
        assert tx.exec_driver_sql("SELECT count(*) FROM post_claim").scalar_one() == (
            1 if right else 0
        )


def test_the_department_is_told_on_the_page_that_the_affiliation_stands(town, reader):
    event, case = taken_for(town, 3)
    driven(town, case, "accept")
    department = reader("department")
    page = department.get(f"/reviews/{event}:0/undo")
    done = department.post(
        f"/reviews/{event}:0/undo",
        data=department.hidden(page, "/undo") | {"who": "none", "reason": "本人来电"},
    )
    assert "组织关系和党籍保持现状" in text(done)


def test_a_name_in_letters_is_forgotten_as_a_word_and_no_key_or_other_word_with_it(database):
    said = {"organisation": "an", "an": "Li An", "text": "an 说 Wan 家搬走，an。", "to": ["an"]}
    owner = connect(database.owner_url, None)
    with owner.connect() as tx:
        left = tx.exec_driver_sql(
            "SELECT unsaid(%s::jsonb::text, ARRAY['an'], true)::jsonb", (json.dumps(said),)
        ).scalar_one()
    owner.dispose()
    assert left == {
        "organisation": "○○",
        "an": "Li An",
        "text": "○○ 说 Wan 家搬走，○○。",
        "to": ["○○"],
    }
