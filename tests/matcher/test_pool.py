"""A destination nobody knows: the origin chooses from candidates, departments search, a community
claims.
"""

from __future__ import annotations

import httpx
import pytest

from tests.portal.town import text
from tests.stories import county_service
from tests.stories.county_service import (
    BRANCH,
    CITY,
    COMMUNITY,
    COUNTY,
    NEIGHBOUR,
    ORIGIN_COUNTY,
    UNIT,
)

SOMEWHERE = "浙江省绍兴市柯桥区云上花苑3幢2单元501室"


@pytest.fixture
def call(town, url):
    def call(code: str, role: str, method: str, path: str, **more) -> httpx.Response:
        return httpx.request(
            method, url + path, headers={"Authorization": f"Bearer {town.key(code, role)}"}, **more
        )

    return call


def lost(town, number: int = 0, address: str = SOMEWHERE) -> str:
    return town.leaves(number, to={"address": address})


def view(town, case: str) -> dict:
    from services.cases.views.queries import view_within

    with town.app.worker.begin() as tx:
        return view_within(tx, case, town.clock.now())


def test_departments_everywhere_find_a_member_and_see_only_the_least(town, call):
    case = lost(town)
    for words in ("云上花苑", county_service.name(0), "示例纺织"):
        found = call(COUNTY, "department", "GET", "/v1/pool", params={"text": words}).json()[
            "items"
        ]
        assert [one["case"] for one in found] == [case], words
    one = found[0]
    assert one["person"]["name"] == county_service.name(0)[0] + "**"
    assert one["person"]["sex"] in ("male", "female") and one["person"]["birth_year"]
    told = str(one)
    for personal in (
        "501",
        "云上花苑",
        county_service.name(0),
        "139000",
        county_service.id_number(0),
    ):
        assert personal not in told
    assert call(ORIGIN_COUNTY, "department", "GET", "/v1/pool").json()["items"][0]["person"][
        "name"
    ] == county_service.name(0)


def test_the_pool_narrows_by_area_and_category(town, call):
    lost(town)

    def count(**params):
        return len(call(CITY, "admin", "GET", "/v1/pool", params=params).json()["items"])

    assert count() == count(area="330603") == count(area="33") == count(category="layoff") == 1
    assert count(area="110105") == count(category="graduation") == count(text="没有此人") == 0
    assert call(CITY, "admin", "GET", "/v1/pool", params={"category": "x"}).status_code == 422
    assert call(CITY, "admin", "GET", "/v1/pool", params={"area": "x'--"}).status_code == 422


def test_who_may_look(town, call):
    lost(town)
    assert call(UNIT, "sender", "GET", "/v1/pool").status_code == 403
    assert call(BRANCH, "receiver", "GET", "/v1/pool").status_code == 403  # serves no area
    assert len(call(COMMUNITY, "receiver", "GET", "/v1/pool").json()["items"]) == 1


def test_a_known_destination_is_not_in_the_pool(town, call):
    town.leaves(0)
    assert call(CITY, "admin", "GET", "/v1/pool").json()["items"] == []


def test_a_community_claims_whom_it_knows_by_name_and_the_origin_decides(town, call):
    case = lost(town)
    path = f"/v1/pool/{case}/claim"
    assert call(COMMUNITY, "receiver", "POST", path, json={"name": "赵某"}).status_code == 422
    assert call(COMMUNITY, "receiver", "POST", path, json={}).status_code == 422
    assert (
        call(BRANCH, "receiver", "POST", path, json={"name": county_service.name(0)}).status_code
        == 403
    )
    assert (
        call(
            COMMUNITY,
            "receiver",
            "POST",
            "/v1/pool/nobody/claim",
            json={"name": county_service.name(0)},
        ).status_code
        == 404
    )
    assert (
        call(COMMUNITY, "receiver", "POST", path, json={"name": county_service.name(0)}).status_code
        == 202
    )
    town.settle()
    seen = view(town, case)
    assert (
        seen["destination"]["organisation"] == COMMUNITY
        and seen["destination"]["source"] == "claim"
    )
    assert seen["state"] == "triaged" and seen["affiliation"] == BRANCH
    assert (
        call(COMMUNITY, "receiver", "POST", path, json={"name": county_service.name(0)}).status_code
        == 404
    )  # no longer lost
    after = town.give(BRANCH, case, "confirm_destination", member_informed=True)
    assert after["state"] == "destination_confirmed" and after["destination"]["source"] == "claim"


def test_a_community_elsewhere_neither_sees_nor_claims(town, call):
    case = lost(town, address="北京市朝阳区八里庄街道云上花苑")
    assert call(COMMUNITY, "receiver", "GET", "/v1/pool").json()["items"] == []
    assert (
        call(
            COMMUNITY,
            "receiver",
            "POST",
            f"/v1/pool/{case}/claim",
            json={"name": county_service.name(0)},
        ).status_code
        == 403
    )


@pytest.mark.parametrize(
    ("address", "seen"), [("浙江省绍兴市云上花苑3幢", 1), ("浙江省云上花苑3幢", 0)]
)
def test_where_only_the_city_is_known_its_communities_look_too(town, call, address, seen):
    lost(town, address=address)
    assert len(call(COMMUNITY, "receiver", "GET", "/v1/pool").json()["items"]) == seen
    assert len(call(CITY, "admin", "GET", "/v1/pool").json()["items"]) == 1


def test_the_origin_chooses_from_the_candidates_on_the_card(town, reader):
    case = lost(town)
    origin = reader("origin")
    page = origin.get(f"/cases/{case}")
    assert "去向还拿不准，请从下列地方选定" in text(page) and "柯桥区委组织部" in text(page)
    assert "把握" in text(page) and "柯桥区" in text(page)
    done = origin.post(
        f"/cases/{case}/confirm_destination",
        data=origin.hidden(page, "/confirm_destination")
        | {"organisation": COUNTY, "member_informed": "true"},
    )
    assert done.status_code == 200 and town.state(case) == "destination_confirmed"
    assert view(town, case)["destination"]["organisation"] == COUNTY


def test_where_nothing_is_known_of_the_place_the_card_asks_for_it(town, reader, call):
    case = lost(town, address="随女儿生活，住址待定")
    origin = reader("origin")
    page = origin.get(f"/cases/{case}")
    assert "请确认去向" in text(page) and "住址定不出由谁接收" in text(page)
    assert "按规则不提出转往别处" not in text(page)
    origin.post(
        f"/cases/{case}/note", data=origin.hidden(page, "/note") | {"obstacle": "address_unknown"}
    )
    assert call(CITY, "admin", "GET", "/v1/pool").json()["items"][0]["address_unknown"] is True


@pytest.mark.parametrize(("said", "seen"), [("school", 0), ("street", 1), (None, 0)])
def test_who_stays_by_the_rule_is_not_in_the_pool(town, reader, call, said, seen):
    case = town.leaves(
        0, category="graduation", to={}, circumstances={"has_job": False, "archive_with": said}
    )
    assert view(town, case)["rule"] == "B19"
    assert len(call(CITY, "admin", "GET", "/v1/pool").json()["items"]) == seen
    page = text(reader("origin").get(f"/cases/{case}"))
    assert ("住址定不出由谁接收" in page) == bool(seen) and "本组织现在不必办理" not in page
    assert ("请报 绍兴越城示例纺织有限公司党委 批准暂留" in page) != bool(seen)


def test_none_of_them_stays_in_the_pool_for_others(town, reader, call):
    case = lost(town)
    origin = reader("origin")
    page = origin.get(f"/cases/{case}")
    origin.post(
        f"/cases/{case}/note", data=origin.hidden(page, "/note") | {"obstacle": "address_unknown"}
    )
    assert view(town, case)["obstacle"] == "address_unknown"
    assert call(CITY, "admin", "GET", "/v1/pool").json()["items"][0]["address_unknown"] is True


def test_the_page_of_the_pool_claims_too(town, reader):
    case = lost(town)
    secretary = reader("secretary")
    page = secretary.get("/pool")
    assert county_service.name(0) not in page.text and "赵**" in text(page)
    wrong = secretary.post(
        f"/pool/{case}/claim", data=secretary.hidden(page, "/claim") | {"name": "赵不是"}
    )
    assert wrong.status_code == 422 and "姓名与登记的不符" in text(wrong)
    done = secretary.post(
        f"/pool/{case}/claim",
        data=secretary.hidden(page, "/claim") | {"name": county_service.name(0)},
    )
    assert "已登记认领" in text(done)
    town.settle()
    assert view(town, case)["destination"]["organisation"] == COMMUNITY
    assert reader("clerk").get("/pool").status_code == 403


def test_what_was_learned_is_shown_withdrawn_and_differences_are_listed(town, reader, call):
    old = town.leaves(1, to={"address": "浙江省绍兴市柯桥区柯桥街道云上花苑9幢"})
    case = town.leaves(0, to={"address": "浙江省绍兴市柯桥区柯桥街道云上花苑3幢"})
    town.give(BRANCH, case, "confirm_destination", organisation=COMMUNITY, member_informed=True)
    for number in (2, 3, 4):
        more = town.leaves(number, to={"address": "浙江省绍兴市柯桥区柯桥街道云上花苑3幢"})
        if view(town, more)["destination"]["organisation"] != COMMUNITY:
            town.give(
                BRANCH, more, "confirm_destination", organisation=COMMUNITY, member_informed=True
            )
    before = view(town, old)
    differing = call(ORIGIN_COUNTY, "department", "GET", "/v1/addresses/differing").json()["items"]
    assert old in [one["id"] for one in differing]
    assert differing[0]["now"] == "330603001008" and "已确认" in differing[0]["words"][-1]["zh"]
    assert view(town, old) == before  # listed, not changed
    page = reader("other_department").get("/department/addresses")
    assert "云上花苑" in text(page) and "更正去向" in text(page) and "3幢" not in text(page)
    assert "今天读地址会得出不同的去向" in text(reader("department").get("/department/addresses"))
    one = call(COUNTY, "department", "GET", "/v1/addresses").json()["items"][0]
    assert (
        call(
            COUNTY, "department", "POST", "/v1/addresses/withdraw", json={"source": one["source"]}
        ).status_code
        == 422
    )
    other = reader("other_department")
    page = other.get("/department/addresses")
    done = other.post(
        "/department/addresses",
        data=other.hidden(page, "/department/addresses") | {"reason": "有误"},
    )
    assert "已撤回" in text(done)
    assert reader("secretary").get("/department/addresses").status_code == 403
    assert call(NEIGHBOUR, "receiver", "GET", "/v1/addresses").status_code == 403
