"""Numbers: in order, never twice, void ones stay void, and the register shows them to those it
concerns.
"""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from services.cases.store import numbers
from services.cases.views import queries
from services.kit.errors import Refused
from tests.stories import county_service
from tests.stories.county_service import COMMUNITY, STREET, UNIT


@pytest.fixture
def register(town):
    def register(code: str = UNIT, **chosen):
        with town.app.web.begin() as tx:
            queries.look_at_cases(tx, town.caller(code))
            return numbers.register(tx, code, **chosen)

    return register


def assign(
    town, first: int = 1, last: int = 5, code: str = UNIT, prefix: str = "越纺组", **more
) -> int:
    with town.app.worker.begin() as tx:
        given = numbers.NumberRange(prefix, first, last, digits=4)
        return numbers.assign_range(tx, code, given, town.clock.now(), by=code, **more)


def number_of(town, case: str) -> str:
    with town.app.worker.connect() as tx:
        return tx.exec_driver_sql(
            "SELECT letter_number FROM transfer_case WHERE id = %s::uuid", (case,)
        ).scalar_one()


def test_letters_get_the_next_number_and_a_made_up_one_where_none_is_left(town):
    assign(town, 1, 2)
    cases = [town.leaves(n, "issue_letter") for n in range(3)]
    assert [number_of(town, c) for c in cases[:2]] == ["越纺组0001", "越纺组0002"]
    assert number_of(town, cases[2]).startswith(f"{UNIT}-2026-")


def test_a_replaced_letter_leaves_its_number_void_in_the_register(town, register):
    assign(town)
    case = town.leaves(0, "issue_letter")
    town.give(UNIT, case, "report_lost", reason="遗失")
    town.give(UNIT, case, "reissue", reason="补开", channel="paper")
    assert number_of(town, case) == "越纺组0002"
    shown = {r["number"]: (r["status"], r["void_reason"]) for r in register()}
    assert shown["越纺组0001"] == ("void", "replaced") and shown["越纺组0002"] == ("valid", None)
    assert shown["越纺组0003"] == ("free", None)


def test_a_refused_command_takes_no_number(town, register):
    assign(town)
    case = town.leaves(0, "submit")
    with pytest.raises(Refused):
        town.give(UNIT, case, "issue_letter", channel="both", validity_days=91)
    assert {r["status"] for r in register()} == {"free"}


def test_a_spoilt_number_is_void_with_its_reason_and_is_passed_by(town, register):
    assign(town)
    with town.app.worker.begin() as tx:
        numbers.void_number(tx, UNIT, "越纺组0001", "填写错误", town.clock.now(), "经办人")
        with pytest.raises(Refused) as again:
            numbers.void_number(tx, UNIT, "越纺组0001", "再次", town.clock.now(), "经办人")
        with pytest.raises(Refused) as unknown:
            numbers.void_number(tx, UNIT, "越纺组0099", "没有", town.clock.now(), "经办人")
    assert (again.value.status, unknown.value.status) == (409, 404)
    case = town.leaves(0, "issue_letter")
    assert number_of(town, case) == "越纺组0002"
    with town.app.worker.begin() as tx, pytest.raises(Refused) as issued:
        numbers.void_number(tx, UNIT, "越纺组0002", "不要了", town.clock.now(), "经办人")
    assert issued.value.status == 409
    assert [r["void_reason"] for r in register(status="void")] == ["填写错误"]


def test_two_issuers_at_once_never_get_one_number(town, register):
    assign(town, 1, 200)
    issued, barrier = [], threading.Barrier(4)
    wanted = [
        [
            {
                "organisation": UNIT,
                "path": "x.",
                "case": f"{i}1111111-1111-4111-8111-{n:012}",
                "fallback": "none",
                "token": numbers.new_token(),
            }
            for n in range(25)
        ]
        for i in range(4)
    ]

    def issue(mine) -> None:
        barrier.wait()
        for one in mine:
            with town.app.worker.begin() as tx:
                issued.append(
                    tx.exec_driver_sql(
                        "SELECT number FROM take_numbers(%s, %s)",
                        (numbers.dumps([one]), town.clock.now()),
                    ).scalar_one()
                )

    threads = [threading.Thread(target=issue, args=(mine,)) for mine in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(issued) == [f"越纺组{n:04}" for n in range(1, 101)]


@pytest.mark.parametrize(
    ("first", "last", "status"), [(3, 9, 409), (9, 3, 422), (1, 200_000, 422), (-1, 3, 422)]
)
def test_a_range_that_overlaps_or_is_none_assigns_nothing(town, register, first, last, status):
    assign(town)
    with pytest.raises(Refused) as refused:
        assign(town, first, last)
    assert refused.value.status == status and len(register(limit=1000)) == 5


def test_a_range_goes_to_who_issues_letters(town):
    with pytest.raises(Refused) as refused:
        assign(town, code=COMMUNITY)
    assert refused.value.code == "issues-no-letters"


def test_letters_of_the_past_are_in_the_register_and_join_the_range_that_is_assigned_later(
    town, register
):
    from services.cases.store.backlog import open_letters

    letter = {
        "number": "越纺组0002",
        "member": "m00005",
        "from": UNIT,
        "to": COMMUNITY,
        "header": STREET,
        "issued_on": town.clock.now().date().replace(month=3),
        "validity_days": 30,
        "channel": "paper",
        "dues_paid_to": "2026-03",
    }
    with town.app.worker.begin() as tx:
        assert open_letters(tx, [letter], town.clock.now(), town.app.rule_source) == ["new"]
    assert [(r["number"], r["status"]) for r in register()] == [("越纺组0002", "expired")]
    assert assign(town, 1, 3) == 3
    assert number_of(town, town.leaves(0, "issue_letter")) == "越纺组0001"
    assert number_of(town, town.leaves(1, "issue_letter")) == "越纺组0003"


def test_a_letter_of_the_past_is_printed_with_the_dues_of_its_counterfoil(town):
    from services.cases.store.backlog import open_letters
    from services.records.letters import papers

    now = town.clock.now()
    letter = {
        "number": "越纺组0002",
        "member": "m00005",
        "from": UNIT,
        "to": COMMUNITY,
        "header": STREET,
        "issued_on": now.date() - timedelta(days=10),
        "validity_days": 60,
        "channel": "paper",
        "dues_paid_to": "2026-02",
    }
    with town.app.worker.begin() as tx:
        open_letters(tx, [letter], now, town.app.rule_source)
        case = tx.exec_driver_sql(
            "SELECT id::text FROM transfer_case WHERE letter_number = '越纺组0002'"
        ).scalar_one()
    with town.app.web.begin() as tx:
        sheet = papers.letters(tx, town.caller(UNIT), [case], now, "http://127.0.0.1", None)[0]
    assert (sheet.values["dues_year"], sheet.values["dues_month"]) == ("贰零贰陆", "贰")


def test_the_register_is_seen_by_who_issues_and_those_above_alone(town, register):
    assign(town)
    town.leaves(0, "accept")
    assert (
        len(register(UNIT))
        == len(register(county_service.ORIGIN_COUNTY))
        == len(register(county_service.CITY))
        == 5
    )
    for other in (
        STREET,
        COMMUNITY,
        county_service.COUNTY,
        county_service.SCHOOL,
        county_service.BRANCH,
    ):
        assert register(other) == []
    with town.app.web.begin() as tx:
        queries.look_at_cases(tx, town.caller(STREET))
        assert numbers.register(tx, UNIT) == []


def test_accepted_without_receipt_can_be_asked_for(town, register):
    assign(town)
    case = town.leaves(0, "accept")
    assert [r["case_id"] for r in register(no_receipt=True)] and str(
        register(no_receipt=True)[0]["case_id"]
    ) == case
    town.give(COMMUNITY, case, "place", branch=county_service.COMMUNITY_BRANCH)
    town.give(STREET, case, "send_receipt", handler="经办人", phone="0575-1")
    town.give(UNIT, case, "record_receipt")
    assert register(no_receipt=True) == [] and register(status="used")[0]["receipt_recorded_on"]
    assert [r["number"] for r in register(find="0003")] == ["越纺组0003"]
    assert [r["number"] for r in register(find=county_service.name(0))] == ["越纺组0001"]
