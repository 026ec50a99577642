"""When a part of the tree moves, all that is below it follows; a load that died goes on where it
stopped.
"""

from __future__ import annotations

import pytest

from services.registry.access import create_key
from services.registry.load import Hooks
from tests.registry.conftest import ORGANISATIONS

CONTACTS = (
    "organisation,name,post,phone,email,channel,from,until\n"
    "330602010035,甲,secretary,13800000001,,portal,,\n"
)
GRIDS = (
    "grid,community,name,contact,phone,addresses\n"
    "g1,330603001008,第一网格,乙,13800000002,管墅社区1幢;管墅社区2幢\n"
)
MOVED = ORGANISATIONS.replace(
    "organ,330602010021,", "organ,330603010022,"
)  # 水务管理局 goes to the other district
OLD, NEW = ("330600010019.330602010021.330602010028.", "330600010019.330603010022.330602010028.")


def paths_of(worker, table: str) -> list[str]:
    with worker.begin() as tx:
        return list(tx.exec_driver_sql(f"SELECT path FROM {table} ORDER BY path").scalars())


@pytest.fixture
def settled(register):
    register("contacts", CONTACTS)
    register("grids", GRIDS)
    return register


def test_members_contacts_and_whoever_asked_follow(settled, worker):
    heard = []
    result = settled(
        "organisations", MOVED, hooks=Hooks(movers=[lambda tx, old, new: heard.append((old, new))])
    )
    assert (result.good, result.unchanged) == (1, 7)
    assert heard == [(OLD, NEW)]
    assert paths_of(worker, "member") == [NEW + "330602010035.", NEW + "330602010042."]
    assert paths_of(worker, "contact") == [NEW + "330602010035."]
    with worker.begin() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM path_move").scalar_one() == 0
    assert NEW + "330602010035." in paths_of(worker, "organisation")


def test_whatever_carries_a_path_follows(settled, worker, clock):
    """Tables of other rooms too: here the key of an organisation that moves."""
    with worker.begin() as tx:
        create_key(tx, "330602010035", "sender", clock.now())
        create_key(tx, "330603010036", "receiver", clock.now())
    settled("organisations", MOVED)
    assert paths_of(worker, "api_key") == [
        "330600010019.330603010022.330602010028.330602010035.",
        "330600010019.330603010022.330603010029.330603010036.",
    ]


def test_one_part_leaves_another_that_moves_too(settled, worker):
    both = MOVED.replace(
        "organ,330602010028,330602,no,no,2015-01-01\n330602010042",
        "organ,330603010029,330602,no,no,2015-01-01\n330602010042",
    )
    settled("organisations", both)
    street = "330600010019.330603010022.330603010029."
    assert paths_of(worker, "member") == [NEW + "330602010042.", street + "330602010035."]


def test_a_superior_added_above_the_top(settled, worker):
    above = (
        "330000010001,中共浙江省委组织部,organisation_department,city,,33,yes,yes,2015-01-01\n"
        "330600010019,中共绍兴市委组织部,organisation_department,city,330000010001,3306,yes,yes,2015-01-01\n"
    )
    settled("organisations", ORGANISATIONS.replace(ORGANISATIONS.splitlines()[-1] + "\n", above))
    for table in ("organisation", "member", "contact", "grid"):
        assert all(path.startswith("330000010001.") for path in paths_of(worker, table)), table


def test_what_died_half_way_is_finished_by_the_next_load(settled, worker):
    class Died(Exception):
        pass

    def die(*_: object) -> None:
        raise Died

    with pytest.raises(Died):
        settled("organisations", MOVED, hooks=Hooks(movers=[die]))
    assert len(paths_of(worker, "organisation")) == 8
    heard = []
    again = settled(
        "organisations", MOVED, hooks=Hooks(movers=[lambda tx, old, new: heard.append((old, new))])
    )
    assert again.good == 0 and heard == [(OLD, NEW)]
    assert paths_of(worker, "member") == [NEW + "330602010035.", NEW + "330602010042."]


def test_a_grid_is_seen_by_whoever_serves_its_community_now(settled, worker):
    street = "330600010019.330603010022.330603010029."
    assert paths_of(worker, "grid") == [street + "330603010036."]
    settled("organisations", ORGANISATIONS.replace("330603001008,yes", "330603001008,no"))
    assert paths_of(worker, "grid") == [street]


def test_a_chain_without_end_is_cut_at_thirty_levels(settled, worker):
    chain = "code,name,kind,unit,parent\n" + "".join(
        f"7{number:011},第{number}级,branch,organ,{f'7{number - 1:011}' if number else ''}\n"
        for number in range(20_000)
    )
    result = settled("organisations", chain)
    assert (result.good, result.bad) == (30, 19_970)
    assert (
        settled(
            "organisations",
            "code,name,kind,unit,parent\n330600010019,中共绍兴市委组织部,organisation_department,city,"
            f"7{29:011}\n",
        ).bad
        == 1
    )
    assert (
        settled(
            "organisations",
            "code,name,kind,unit,parent\n330600010019,中共绍兴市委组织部,organisation_department,city,"
            f"7{27:011}\n",
        ).bad
        == 1
    )  # it would stand on level 29, and what is below it too deep
    assert len(paths_of(worker, "organisation")) == 38
