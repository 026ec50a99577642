"""Old letters, confirmed addresses, the calendar, contacts and grids from files."""

from __future__ import annotations

from datetime import date

import pytest

from services.kit.errors import Text
from services.registry.directory import Directory
from services.registry.load import Hooks
from services.registry.queries import contact_for, contacts, grid_for
from services.registry.tabular import BadFile

LETTERS = """\
number,member,from,to,header,issued_on,validity_days,channel,dues_paid_to
2025-001,m1,330602010028,330603010036,330603010029,2025-11-03,30,paper,2025-11
2025-002,m2,330602010028,330603010036,,2025-12-01,90,,202512
"""
CONTACTS = """\
organisation,name,post,phone,email,channel,from,until
330602010035,旧书记,secretary,13800000001,,portal,2020-01-01,2025-12-31
330602010028,文书,clerk,13800000002,clerk@example.org,email,2024-01-01,
330602010028,书记,secretary,,,wecom,2024-01-01,
330602010028,书记,secretary,,,portal,2024-01-01,
"""


def test_letters_go_to_who_opens_cases_and_come_back_with_why_not(register):
    handed = []

    def open_letters(tx, letters):
        handed.extend(letters)
        return ["new", Text("该党员已有未办结的转接", "There is an open case")]

    result = register("letters", LETTERS, hooks=Hooks(open_letters=open_letters))
    assert (result.good, result.bad) == (1, 1)
    assert result.faults == [(3, "", "该党员已有未办结的转接")]
    assert handed[0]["issued_on"] == date(2025, 11, 3) and handed[0]["validity_days"] == 30
    assert (handed[1]["channel"], handed[1]["dues_paid_to"], handed[1]["header"]) == (
        "paper",
        "2025-12",
        None,
    )


def test_letters_that_cannot_be(register):
    lines = LETTERS.splitlines()
    bad = [
        lines[0],
        lines[1].replace("m1", "nobody"),
        lines[1].replace("001", "003").replace("330603010036", "330603019999"),
        lines[1].replace("001", "004").replace("2025-11-03", "2027-01-01"),
        lines[1].replace("001", "005").replace(",30,", ",91,"),
    ]
    result = register(
        "letters",
        "\n".join(bad),
        hooks=Hooks(open_letters=lambda tx, letters: ["new"] * len(letters)),
    )
    assert (result.good, result.bad) == (0, 4)
    assert {column for _, column, _ in result.faults} == {
        "member",
        "to",
        "issued_on",
        "validity_days",
    }
    with pytest.raises(BadFile):
        register("letters", LETTERS)


def test_confirmed_addresses_with_and_without_an_id(register, worker):
    content = (
        '{"id": "c1", "address": "绍兴市柯桥区管墅社区1幢", "code": "330603001008"}\n'
        '{"address": "绍兴市柯桥区柯桥街道", "code": "330603001", "on": "2025-05-01"}\n'
        '{"id": "c1", "address": "另一处", "code": "330603001008"}\n{"address": "", "code": '
        '"330603001"}\n'
    )
    result = register("confirmed", content)
    assert (result.good, result.bad) == (2, 2)
    assert register("confirmed", content).unchanged == 2
    with worker.begin() as tx:
        assert tx.exec_driver_sql(
            "SELECT address, code, \"on\"::text FROM confirmed_address WHERE source = 'file:c1'"
        ).one() == ("绍兴市柯桥区管墅社区1幢", "330603001008", "2026-03-02")


def test_the_calendar(register, worker):
    content = (
        "day,kind,source\n2026-05-01,放假,国办发明电\n2026-05-09,workday,国办发明电\n"
        "2026-05-09,holiday,\n2026-02-30,holiday,\n"
    )
    result = register("calendar", content)
    assert (result.good, result.bad) == (2, 2)
    with worker.begin() as tx:
        assert dict(tx.exec_driver_sql("SELECT day::text, kind FROM calendar_day").all()) == {
            "2026-05-01": "holiday",
            "2026-05-09": "workday",
        }


def test_whom_to_turn_to(register, worker):
    assert register("contacts", CONTACTS).good == 4
    assert register("contacts", CONTACTS).unchanged == 4
    on = date(2026, 3, 2)
    with worker.begin() as tx:
        directory = Directory.of(tx)
        found = contacts(tx, ["330602010028", "330602010035"], on)
        assert [(one.name, one.channel) for one in found["330602010028"]] == [
            ("书记", "portal"),
            ("书记", "wecom"),
            ("文书", "email"),
        ]
        assert "330602010035" not in found
        assert contact_for(tx, directory, "330602010035", on).name == "书记"
        assert contact_for(tx, directory, "330602010035", date(2025, 1, 1)).name == "旧书记"
        tx.exec_driver_sql("UPDATE contact SET bounced_count = 2 WHERE name = '书记'")
        assert contact_for(tx, directory, "330602010035", on).name == "文书"
        tx.exec_driver_sql("UPDATE contact SET bounced_count = 2 WHERE name = '文书'")
        assert contact_for(tx, directory, "330602010035", on) is None


def test_a_new_address_forgets_old_bounces(register, worker):
    register("contacts", CONTACTS)
    with worker.begin() as tx:
        tx.exec_driver_sql("UPDATE contact SET bounced_count = 2")
    assert register("contacts", CONTACTS.replace("clerk@", "office@")).good == 1
    with worker.begin() as tx:
        assert (
            tx.exec_driver_sql("SELECT name FROM contact WHERE bounced_count = 0").scalar_one()
            == "文书"
        )


def test_the_grid_of_a_door(register, worker):
    register(
        "grids",
        "grid,community,name,contact,phone,addresses\ng1,330603001008,一,甲,13800000001,管墅社区1幢；管墅社区2幢\n"
        "g2,330603001008,二,乙,13800000002,管墅社区11幢;管墅路\ng3,330603001009,三,丙,,\n",
    )
    with worker.begin() as tx:
        assert grid_for(tx, "330603001008", "柯桥街道管墅社区1幢301室").grid == "g1"
        assert grid_for(tx, "330603001008", "柯桥街道管墅社区11幢301室").grid == "g2"
        assert grid_for(tx, "330603001008", "别处") is None
        assert grid_for(tx, "330603001009", None).grid == "g3"
