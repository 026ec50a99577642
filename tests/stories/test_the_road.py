"""A posted departure becomes an alert that the right community acts on: in one process, and over a
real Kafka.
"""

from __future__ import annotations

import pytest

from tests.stories import county_service
from tests.stories.county_service import (
    BRANCH,
    COMMUNITY,
    COMMUNITY_BRANCH,
    COUNTY,
    NEIGHBOUR,
    SCHOOL,
    STREET,
    UNIT,
    Running,
    event,
    eventually,
)


class TheRoad:
    """The promises of the road; each backend runs all of them."""

    @pytest.mark.parametrize(
        "number", range(4), ids=["relocation", "retirement", "layoff", "graduation"]
    )
    def test_a_departure_reaches_the_right_community(self, service: Running, number: int):
        sent = event(number, f"road-{number}")
        assert service.post(sent)[0]["status"] == "accepted"
        receiver = STREET if number == 3 else COMMUNITY
        case = service.case_of(sent["source"], sent["id"])
        expected = eventually(
            lambda: [a for a in service.alerts(receiver, "expected") if a["case"] == case]
        )
        assert expected[0]["act"] == "record_arrival"
        assert not [a for a in service.alerts(NEIGHBOUR) if a["case"] == case]
        assert service.call("GET", f"/v1/cases/{case}", NEIGHBOUR).status_code == 404

    def test_the_whole_way_to_the_receipt(self, service: Running):
        sent = event(6, "whole-way")
        service.post(sent)
        case = service.case_of(sent["source"], "whole-way")
        steps = [
            (BRANCH, "confirm_destination", {"member_informed": True}),
            (BRANCH, "submit", {"dues_paid_to": "2026-11"}),
            (UNIT, "issue_letter", {"channel": "both"}),
            (UNIT, "hand_over", {"handed_to": "member"}),
            (STREET, "record_arrival", {}),
            (STREET, "accept", {}),
            (COMMUNITY, "place", {"branch": COMMUNITY_BRANCH}),
            (STREET, "send_receipt", {"handler": "经办人", "phone": "0575-1234567"}),
            (UNIT, "record_receipt", {}),
        ]
        for organisation, command, fields in steps:
            before = service.call("GET", f"/v1/cases/{case}", organisation).json()
            answer = service.give(organisation, case, command, seen_state=before["state"], **fields)
            assert answer.status_code == 200, answer.text
            expected = (
                BRANCH
                if command
                in ("confirm_destination", "submit", "issue_letter", "hand_over", "record_arrival")
                else COMMUNITY
            )
            assert answer.json()["affiliation"] == expected, command
        assert answer.json()["state"] == "moved"
        told = service.call(
            "GET", f"/v1/events/whole-way?source={sent['source']}", UNIT, "sender"
        ).json()
        assert told["state"] == "moved" and {"received", "identified", "routed", "accepted"} <= set(
            told["times"]
        )

    def test_two_who_act_at_once_do_not_both_win(self, service: Running):
        sent = event(10, "at-once")
        service.post(sent)
        case = service.case_of(sent["source"], "at-once")
        eventually(
            lambda: service.call("GET", f"/v1/cases/{case}", BRANCH).json()["state"] == "triaged"
        )
        assert (
            service.give(
                BRANCH, case, "confirm_destination", seen_state="triaged", member_informed=True
            ).status_code
            == 200
        )
        again = service.give(
            BRANCH, case, "confirm_destination", seen_state="triaged", member_informed=True
        )
        assert again.status_code == 409
        assert again.headers["content-type"] == "application/problem+json"
        assert "去向已确认" in again.json()["detail"]

    def test_the_same_event_again_is_one_case(self, service: Running):
        sent = event(14, "again")
        answers = [service.post(sent)[0]["status"] for _ in range(3)]
        assert answers == ["accepted", "duplicate", "duplicate"]
        case = service.case_of(sent["source"], "again")
        second = event(14, "again-2")
        service.post(second)
        assert service.case_of(sent["source"], "again-2") == case

    def test_a_stranger_leaves_nothing_but_a_count(self, service: Running):
        stranger = event(1, "stranger")
        stranger["data"]["person"] = {
            "name": "无此人",
            "id_number": county_service.id_number(777),
            "birth_date": "1991-02-03",
        }
        service.post(stranger)
        told = eventually(
            lambda: (
                (
                    answer := service.call(
                        "GET", f"/v1/events/stranger?source={stranger['source']}", UNIT, "sender"
                    ).json()
                )
                and answer["state"] == "not_a_member"
                and answer
            )
        )
        assert told["cases"] == []

    def test_the_department_counts_what_its_branches_see(self, service: Running):
        audit = service.call(
            "GET", f"/v1/audit?organisation={UNIT}", county_service.ORIGIN_COUNTY, "department"
        ).json()
        cases = service.call("GET", "/v1/cases?limit=1000", UNIT, "department").json()["items"]
        assert sum(audit["by_state"].values()) == len(cases) > 0
        assert (
            service.call(
                "GET",
                f"/v1/audit?organisation={COUNTY}",
                county_service.ORIGIN_COUNTY,
                "department",
            ).status_code
            == 403
        )
        assert service.call("GET", "/v1/audit", UNIT, "sender").status_code == 403

    def test_a_school_does_not_see_the_unit(self, service: Running):
        cases = service.call("GET", "/v1/cases?limit=1000", SCHOOL).json()["items"]
        assert all(case["origin"] in (SCHOOL, county_service.SCHOOL_BRANCH) for case in cases)


class TestInOneProcess(TheRoad):
    @pytest.fixture(scope="class")
    @classmethod
    def service(cls, tmp_path_factory):
        with county_service.embedded(tmp_path_factory.mktemp("embedded")) as running:
            yield running


class TestOverKafka(TheRoad):
    @pytest.fixture(scope="class")
    @classmethod
    def service(cls, tmp_path_factory, kafka_equipment):
        with county_service.cluster(tmp_path_factory.mktemp("cluster")) as running:
            yield running


@pytest.fixture(scope="session")
def kafka_equipment():
    """Fails here, with a sentence, if the parts of a real Kafka are not at hand."""
    from services.cluster.kafka_install import ensure_kafka

    return ensure_kafka()
