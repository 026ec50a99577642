"""The demo county: real places, nobody real, and a register that takes all of it."""

from __future__ import annotations

import re

from services.identity.id_numbers import is_valid
from services.registry.directory import Directory
from services.registry.queries import grid_for
from services.tools.demo_county import demo_county, load_demo


def test_the_same_seed_gives_the_same_world():
    assert demo_county(7) == demo_county(7)
    assert demo_county(7).members != demo_county(8).members


def test_nobody_in_it_is_real_and_everybody_can_be_matched():
    world = demo_county()
    assert 2_500 <= len(world.members) <= 3_500
    numbers = [member["id_number"] for member in world.members]
    assert len(set(numbers)) == len(numbers) and all(map(is_valid, numbers))
    assert all(re.fullmatch("1390000[0-9]{4}", member["phone"]) for member in world.members)
    assert all(contact["email"].endswith("@example.org") for contact in world.contacts)
    territorial = {
        one["code"]
        for one in world.organisations
        if one["unit"] in ("city", "county", "street", "township", "community", "village")
    }
    assert all(
        "示例" in one["name"] for one in world.organisations if one["code"] not in territorial
    )


def test_all_of_it_loads_and_hangs_together(worker, clock):
    world = load_demo(worker, clock)
    with worker.begin() as tx:
        directory = Directory.of(tx)
        counts = [
            tx.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
            for table in ("organisation", "member", "contact", "grid")
        ]
        assert counts == [
            len(rows) for rows in (world.organisations, world.members, world.contacts, world.grids)
        ]
        for member in world.members[::97]:
            assert directory.committee(member["organisation"]).authority
        resident = world.members[0]
        community = directory.get(directory.get(resident["organisation"]).parent)
        assert (
            community.name.removeprefix("中共兰州市西固区").removesuffix("总支部委员会")
            in resident["address"]
        )
        assert directory.serving(community.area).code == community.code
        assert grid_for(tx, community.area, resident["address"]) is not None
        assert directory.talent_service_for(community.area).unit == "talent_service"
        assert directory.unit_named("示例铝业").unit == "enterprise_state"
