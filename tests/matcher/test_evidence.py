"""What people decide teaches the next address; it can be taken back; and no old decision changes by
itself.
"""

from __future__ import annotations

import pytest

from schemas.envelope import Message
from services.addresses.gazetteer import Gazetteer
from services.app import HANDLERS
from services.cases.views.queries import look_at_cases
from services.intake.app import Intake
from services.kit.errors import Refused
from services.matcher import announcements, confirmed_addresses
from services.matcher.handlers import Matcher
from services.matcher.live_gazetteer import Addresses
from services.matcher.queries import decide_review
from tests.portal.town import ROAD, Town
from tests.stories.county_service import (
    BRANCH,
    CITY,
    COMMUNITY,
    NEIGHBOUR,
    ORIGIN_COUNTY,
    STREET,
    UNIT,
)

COMPOUND = "浙江省绍兴市柯桥区柯桥街道云上花苑3幢2单元501室"
AGAIN = "浙江省绍兴市柯桥区柯桥街道云上花苑7幢"
AREA = "330603001008"


def standing(town: Town) -> list[tuple]:
    with town.app.worker.connect() as tx:
        return [
            tuple(r)
            for r in tx.exec_driver_sql(
                "SELECT address, code, kind FROM confirmed_address WHERE withdrawn_at IS NULL "
                "ORDER BY source"
            )
        ]


def unknown(town: Town, number: int, address: str = COMPOUND, **more) -> str:
    """A member leaves for an address whose community nobody knows."""
    return town.leaves(number, to={"address": address}, **more)


def evidence_of(town: Town, case: str) -> dict:
    with town.app.worker.connect() as tx:
        return tx.exec_driver_sql(
            "SELECT evidence FROM case_person WHERE case_id = %s::uuid", (case,)
        ).scalar_one()


def accepted(town: Town, number: int, upto: str = "accept") -> str:
    case = unknown(town, number)
    town.give(BRANCH, case, "confirm_destination", organisation=COMMUNITY, member_informed=True)
    for organisation, command, fields in ROAD[1:]:
        if town.state(case) == "accepted":
            break
        town.give(organisation, case, command, **fields)
    return case


def test_a_correction_teaches_the_very_next_event(town):
    first = unknown(town, 0)
    assert evidence_of(town, first)["area"] != AREA
    town.give(BRANCH, first, "confirm_destination", organisation=COMMUNITY, member_informed=True)
    assert standing(town) == [
        ("浙江省绍兴市柯桥区柯桥街道管墅社区居委会云上花苑", AREA, "correction")
    ]
    second = evidence_of(town, unknown(town, 1, AGAIN))
    assert second["candidates"][0]["code"] == AREA
    assert "已确认的 1 例中 1 例在" in second["words"][-1]["zh"]


def test_nothing_of_the_person_and_no_room_is_kept(town):
    accepted(town, 0)
    with town.app.worker.connect() as tx:
        kept = str(tx.exec_driver_sql("SELECT * FROM confirmed_address").all())
    for personal in ("501", "2单元", "3幢", "赵建建", "139000"):
        assert personal not in kept


def test_a_case_speaks_once_with_its_latest_act(town):
    case = accepted(town, 0)
    assert [(code, kind) for _, code, kind in standing(town)] == [(AREA, "acceptance")]
    with town.app.worker.connect() as tx:
        rows = (
            tx.exec_driver_sql(
                "SELECT withdrawn_reason FROM confirmed_address WHERE case_id = %s::uuid "
                "ORDER BY source",
                (case,),
            )
            .scalars()
            .all()
        )
    assert rows.count("replaced") == len(rows) - 1


def test_another_process_hears_of_it_with_its_next_batch(town, table):
    elsewhere = Addresses(Gazetteer(table.snapshot))
    with town.app.worker.begin() as tx:
        elsewhere.refresh(tx)
    accepted(town, 0)
    assert elsewhere.resolve(AGAIN).candidates[0].code != AREA
    with town.app.worker.begin() as tx:
        elsewhere.refresh(tx)
    assert elsewhere.resolve(AGAIN).candidates[0].code == AREA


def test_the_latest_evidence_counts_wherever_a_departure_is_taken(town, table):
    """A review decided in the portal's process opens its case by what the matcher learned."""
    accepted(town, 0)
    second = unknown(town, 1, AGAIN)
    portal = Matcher(town.clock, town.app.rule_source, Addresses(Gazetteer(table.snapshot)))
    with town.app.worker.begin() as tx:
        event = tx.exec_driver_sql(
            "SELECT event FROM statement WHERE case_id = %s::uuid", (second,)
        ).scalar_one()
        portal.take(tx, announcements.read(tx, [event]))
        assert portal.addresses.resolve(AGAIN).candidates[0].code == AREA


def test_not_living_here_takes_the_evidence_back(town):
    case = unknown(town, 0)
    town.give(BRANCH, case, "confirm_destination", organisation=COMMUNITY, member_informed=True)
    for organisation, command, fields in ROAD[1:4]:
        town.give(organisation, case, command, **fields)
    assert len(standing(town)) == 1
    town.give(COMMUNITY, case, "refuse", reason="not_living_here", evidence="上门两次，无此人")
    assert standing(town) == []


def test_a_refusal_that_names_the_right_place_teaches_that_place(town):
    case = unknown(town, 0)
    town.give(BRANCH, case, "confirm_destination", organisation=NEIGHBOUR, member_informed=True)
    for organisation, command, fields in ROAD[1:3]:
        town.give(organisation, case, command, **fields)
    town.give(NEIGHBOUR, case, "record_arrival")
    town.give(NEIGHBOUR, case, "refuse", reason="wrong_organisation", proposed=COMMUNITY)
    assert [(code, kind) for _, code, kind in standing(town)] == [(AREA, "refusal")]
    town.give(UNIT, case, "redirect", organisation=COMMUNITY)
    assert [(code, kind) for _, code, kind in standing(town)] == [(AREA, "correction")]


def test_a_withdrawn_posting_takes_its_evidence_along(town):
    case = unknown(town, 0)
    town.give(BRANCH, case, "confirm_destination", organisation=COMMUNITY, member_informed=True)
    assert standing(town)
    event = {
        "specversion": "1.0",
        "type": "guidui.departure.withdrawn.v1",
        "source": f"urn:guidui:organisation:{UNIT}",
        "id": "taken-back",
        "data": {"corrects": "left-0"},
    }
    assert Intake(town.app.web, town.clock, town.app.secret).post(
        town.caller(UNIT, "sender"), [event]
    ) == ["accepted"]
    town.settle()
    assert standing(town) == []


def test_a_match_that_is_undone_takes_its_evidence_along(town):
    case = unknown(town, 0)
    town.give(BRANCH, case, "confirm_destination", organisation=COMMUNITY, member_informed=True)
    assert standing(town)
    with town.app.worker.connect() as tx:
        event = tx.exec_driver_sql(
            "SELECT event FROM statement WHERE case_id = %s::uuid", (case,)
        ).scalar_one()
    with town.app.acts.begin() as tx:
        decide_review(
            tx,
            town.app,
            town.caller(ORIGIN_COUNTY, "department"),
            f"{event}:0",
            {"undo": True, "not_a_member": True, "reason": "认错人"},
            "组织部干部",
        )
    town.settle()
    assert standing(town) == []


def test_a_department_withdraws_and_the_next_address_is_read_without_it(town):
    first = accepted(town, 0)
    before = evidence_of(town, first)
    with town.app.acts.begin() as tx:
        look_at_cases(tx, town.caller(STREET))
        (one,) = confirmed_addresses.listed(tx, "云上花苑")
    for outsider in (ORIGIN_COUNTY, UNIT, NEIGHBOUR):
        with pytest.raises(Refused) as refused, town.app.acts.begin() as tx:
            confirmed_addresses.withdraw(
                tx, town.caller(outsider), one.source, "不是这里", town.clock
            )
        assert refused.value.status == 404
    with town.app.acts.begin() as tx:
        confirmed_addresses.withdraw(
            tx, town.caller(CITY, "admin"), one.source, "云上花苑属另一社区", town.clock
        )
    assert evidence_of(town, unknown(town, 1, AGAIN))["area"] != AREA
    assert evidence_of(town, first) == before  # what decided the first case stays with it
    with pytest.raises(Refused) as refused, town.app.acts.begin() as tx:
        confirmed_addresses.withdraw(
            tx, town.caller(CITY, "admin"), one.source, "再撤一次", town.clock
        )
    assert refused.value.status == 409


def test_the_same_message_again_changes_nothing(town):
    accepted(town, 0)
    before = standing(town)
    with town.app.worker.begin() as tx:
        moved = [
            Message(r.event_id, r.topic, r.type, r.key, r.time, r.body, None)
            for r in tx.exec_driver_sql(
                "SELECT event_id, topic, type, key, time, body FROM event_log WHERE topic = "
                "'cases' ORDER BY id"
            )
        ]
        HANDLERS["matcher"](town.app).handler(tx, moved)
    assert standing(town) == before


def test_an_address_in_another_county_teaches_nothing(town):
    case = unknown(town, 0, "北京市朝阳区国雅彩云间3栋")
    town.give(BRANCH, case, "confirm_destination", organisation=COMMUNITY, member_informed=True)
    assert standing(town) == []


@pytest.mark.parametrize(
    "address",
    [
        "x" * 9_000,
        "🙂🙂",
        "'; DROP TABLE member; --",
        "<script>alert(1)</script>",
        "half a surrogate \ud83d",
        "云上花苑\x00",
    ],
)
def test_nonsense_has_no_answer_and_no_evidence(town, address):
    assert town.app.addresses.resolve(address).decision == "none"
    assert town.app.gazetteer.kept(address, AREA) is None


def test_what_a_transaction_learned_is_forgotten_when_it_is_rolled_back(town):
    first = unknown(town, 0)
    addresses = town.app.addresses
    with town.app.worker.begin() as tx:
        addresses.refresh(tx)
    before = addresses.learned
    with pytest.raises(RuntimeError), town.app.worker.begin() as tx:
        confirmed_addresses.ConfirmedAddressRecorder(town.clock, addresses)(tx, [])
        tx.exec_driver_sql(
            'INSERT INTO confirmed_address (source, address, code, kind, "on", changed) '
            "SELECT 'case:x:1', %s, %s, 'correction', %s, pg_current_xact_id()",
            (AGAIN, AREA, town.clock.now().date()),
        )
        addresses.refresh(tx)
        assert addresses.learned == before + 1
        raise RuntimeError
    assert evidence_of(town, first)["area"] != AREA
    assert evidence_of(town, unknown(town, 1, AGAIN))["area"] != AREA
    assert addresses.learned == before
