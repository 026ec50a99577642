"""Nobody in review waits in silence: whoever must say who it is, or answer, has one task with its
day, and is told.
"""

from __future__ import annotations

import threading
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import event as listening

from services.app import after_load, delivery_loop, tree_loop
from services.matcher import announcements
from services.matcher.handlers import Matcher
from services.matcher.reviews import decide
from services.notifier.escalation import climb_overdue
from services.registry.load import load_rows
from tests.people.posting import ADDRESS, STRANGER, decided, post, post_departure
from tests.portal.town import DEPARTMENT, text
from tests.stories import county_service
from tests.stories.county_service import BRANCH, COMMUNITY, UNIT

IN_DOUBT = {"name": county_service.name(3), "sex": "male", "phone": STRANGER["phone"]}


def roster(town, ident: str, count: int, settle: bool = True):
    """Namesakes of members 3, 4, … who all go to the desk; returns the event."""
    return post_departure(
        town,
        ident,
        {
            "category": "layoff",
            "persons": [
                {
                    "person": {"name": county_service.name(3 + n), "phone": f"138000000{n:02}"},
                    "to": {"address": ADDRESS},
                }
                for n in range(count)
            ],
        },
        settle,
    )


def alerts(town, url, code: str = UNIT, role: str = "receiver"):
    answer = httpx.get(
        url + "/v1/alerts", headers={"Authorization": f"Bearer {town.key(code, role)}"}
    )
    return [one for one in answer.json()["items"] if one["kind"] in ("identify", "question")]


def say(town, event, position: int = 0, **body):
    """The unit's decision, or one of them above it."""
    with town.app.acts.begin() as tx:
        decide(
            tx,
            town.app,
            event,
            position,
            body or {"not_a_member": True, "reason": "查无此人"},
            UNIT,
        )
    town.settle()


def act(town, url, code: str, role: str, review: str, **body):
    answer = httpx.post(
        f"{url}/v1/reviews/{review}",
        json=body,
        headers={"Authorization": f"Bearer {town.key(code, role)}"},
    )
    town.settle()
    return answer.status_code


def notices(town, *, kind: str = "identify"):
    """(recipient, stage, acted upon) of every notice of a kind, in the inboxes."""
    with town.app.worker.connect() as tx:
        return sorted(
            tuple(r)
            for r in tx.exec_driver_sql(
                "SELECT recipient, stage, acted_at IS NOT NULL FROM notice WHERE kind = %s AND "
                "contact IS NULL",
                (kind,),
            )
        )


def test_a_roster_in_doubt_is_one_task_at_whoever_posted_it_until_the_last_is_decided(town, url):
    event = roster(town, "roster", 3)
    (one,) = alerts(town, url)
    assert (one["case"], one["kind"], one["act"], one["overdue"]) == (
        None,
        "identify",
        "identify",
        False,
    )
    assert one["due_on"] == "2026-11-30"  # a week of working days from Monday the 23rd
    assert alerts(town, url, COMMUNITY) == [] and notices(town) == [(UNIT, "opened", False)]
    say(town, event, 0)
    say(town, event, 1, member="m00004")
    assert [a["id"] for a in alerts(town, url)] == [one["id"]]
    say(town, event, 2)
    assert alerts(town, url) == [] and notices(town) == [(UNIT, "opened", True)]
    roster(town, "another", 1)
    (again,) = alerts(town, url)
    assert again["id"] != one["id"] and notices(town) == [
        (UNIT, "opened", False),
        (UNIT, "opened", True),
    ]


def test_it_opens_in_the_commit_of_the_review_and_says_how_many(town, reader):
    roster(town, "roster", 2, settle=False)
    with town.app.worker.connect() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM task").scalar_one() == 0
    town.settle()
    with town.app.worker.connect() as tx:
        xids = set(
            tx.exec_driver_sql("""SELECT xmin::text FROM task WHERE kind = 'identify'
                UNION ALL SELECT xmin::text FROM identification""").scalars()
        )
        told = tx.exec_driver_sql(
            "SELECT body::text FROM event_log WHERE topic = 'tasks'"
        ).scalar_one()
    assert len(xids) == 1 and county_service.name(3) not in told and "138000000" not in told
    page = text(reader("clerk").get("/cases"))
    assert "有 2 人的身份要由人核对" in page and "现在没有要办的转移" in page


def test_what_is_late_climbs_and_what_is_left_is_a_new_task_with_its_own_day(town, url):
    first = post(town, "first", IN_DOUBT)
    (one,) = alerts(town, url)
    town.clock.advance_to(town.clock.now() + timedelta(days=4))
    second = post(town, "second", {"name": county_service.name(5), "phone": "13800000005"})
    assert [a["id"] for a in alerts(town, url)] == [one["id"]]
    town.clock.advance_to(town.clock.now() + timedelta(days=5))
    assert alerts(town, url)[0]["overdue"]
    climb_overdue(town.app.worker, town.clock, town.app.channels)
    assert (DEPARTMENT, "overdue", False) in notices(town)
    say(town, first)
    (left,) = alerts(town, url)
    assert left["id"] != one["id"] and not left["overdue"] and left["due_on"] > one["due_on"]
    say(town, second)
    assert alerts(town, url) == []


def test_a_question_is_a_task_of_the_sender_and_its_answer_one_of_whoever_asked(town, url):
    event = post(town, "in-doubt", IN_DOUBT)
    review = f"{event}:0"
    assert act(town, url, DEPARTMENT, "department", review, ask="他原来在哪个支部？") == 200
    assert {(a["kind"], a["act"]) for a in alerts(town, url)} == {
        ("identify", "identify"),
        ("question", "answer"),
    }
    assert (
        notices(town, kind="question") == [(UNIT, "opened", False)]
        and alerts(town, url, DEPARTMENT) == []
    )
    assert act(town, url, UNIT, "sender", review, answer="第一支部") == 200
    assert [a["kind"] for a in alerts(town, url)] == ["identify"]
    assert [a["kind"] for a in alerts(town, url, DEPARTMENT)] == ["identify"]
    assert act(town, url, DEPARTMENT, "department", review, ask="哪一年？") == 200
    assert alerts(town, url, DEPARTMENT) == [] and len(alerts(town, url)) == 2
    assert act(town, url, DEPARTMENT, "department", review, member="m00003") == 200
    assert alerts(town, url) == [] and alerts(town, url, DEPARTMENT) == []
    assert decided(town, event).decision == "match"


def test_a_batch_without_a_doubt_asks_nothing_of_the_desk(town):
    said = []
    listening.listen(
        town.app.worker, "before_cursor_execute", lambda _, __, sql, *rest: said.append(sql)
    )
    post(town, "sure", {"name": county_service.name(2), "id_number": county_service.id_number(2)})
    assert said and not [
        sql for sql in said if "review_question" in sql or "pg_advisory_xact_lock(" in sql
    ]


def test_a_person_who_comes_while_the_last_one_is_decided_does_not_wait_in_silence(town, url):
    before = post(town, "before", IN_DOUBT)
    after = post(
        town, "after", {"name": county_service.name(6), "phone": "13800000006"}, settle=False
    )
    act_on = Matcher(town.clock, town.app.rule_source, town.app.addresses)
    with town.app.worker.begin() as tx:
        act_on.take(tx, announcements.read(tx, [after]))
        thread = threading.Thread(target=say, args=(town, before))
        thread.start()
        thread.join(2)
        assert thread.is_alive()  # it waits for this transaction before it counts
    thread.join()
    town.settle()
    (left,) = alerts(town, url)
    with town.app.worker.connect() as tx:
        assert (
            tx.exec_driver_sql(
                "SELECT persons FROM task WHERE id = %s::uuid", (left["id"],)
            ).scalar_one()
            == 1
        )


def test_a_new_calendar_moves_its_day(town, url):
    roster(town, "roster", 1)
    load_rows(town.app.worker, "calendar", [{"day": "2026-11-27", "kind": "holiday"}], town.clock)
    after_load(town.app, "calendar")
    assert alerts(town, url)[0]["due_on"] == "2026-12-01"


def test_what_a_unit_that_ended_left_on_its_desk_stands_at_its_superior_s(town, url, reader):
    event = roster(town, "roster", 3)
    assert act(town, url, DEPARTMENT, "department", f"{event}:1", ask="他原来在哪个支部？") == 200
    before = {one["kind"]: one for one in alerts(town, url)}
    assert set(before) == {"identify", "question"}
    columns = ("code", "name", "kind", "unit", "parent", "area", "serves_area", "authority")
    ends = [
        dict(zip(columns, one, strict=True))
        | {"effective_to": "2026-11-24", "successor": COMMUNITY}
        for one in county_service.ORGANISATIONS
        if one[0] in (UNIT, BRANCH)
    ]
    assert not load_rows(town.app.worker, "organisations", ends, town.clock).bad
    after_load(town.app, "organisations")
    assert {one["kind"]: one for one in alerts(town, url)} == before  # its last day is not over
    town.clock.advance_to(town.clock.now() + timedelta(days=2))
    tree_loop(town.app)
    town.settle()
    assert alerts(town, url, COMMUNITY) == []  # the successor sees nothing of what was posted
    with town.app.worker.connect() as tx:  # the unit's keys have ended with it
        left = (
            tx.exec_driver_sql(
                "SELECT kind FROM task WHERE organisation = %s AND kind IN ('identify', "
                "'question') AND closed_at IS NULL",
                (UNIT,),
            )
            .scalars()
            .all()
        )
    assert left == []
    after = {one["kind"]: one["due_on"] for one in alerts(town, url, DEPARTMENT, "department")}
    assert after == {kind: one["due_on"] for kind, one in before.items()}
    with town.app.worker.connect() as tx:
        assert tx.exec_driver_sql(
            "SELECT persons FROM task WHERE kind = 'identify' AND closed_at IS NULL"
        ).scalars().all() == [3]
    assert "答复" in text(reader("department").get(f"/reviews/{event}:1"))
    assert act(town, url, DEPARTMENT, "department", f"{event}:1", answer="第一支部") == 200
    for position in range(3):
        assert (
            act(
                town,
                url,
                DEPARTMENT,
                "department",
                f"{event}:{position}",
                not_a_member=True,
                reason="查无此人",
            )
            == 200
        )
    assert alerts(town, url, DEPARTMENT, "department") == []


@pytest.mark.parametrize("closes", [False, True])
def test_the_prompt_goes_out_by_the_usual_ladder(town, closes):
    event = roster(town, "roster", 3)
    if closes:
        for position in range(3):
            say(town, event, position)
    delivery_loop(town.app)
    assert notices(town) == [(UNIT, "opened", closes)]
