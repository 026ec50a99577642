"""Row-level security of the register, asked on a connection that was used before; and what no role
may write.
"""

from __future__ import annotations

import pytest
from sqlalchemy.exc import ProgrammingError

from services.kit.db.engine import view_as
from services.registry.directory import Directory
from services.registry.queries import contacts
from services.registry.tree import just_after

pytestmark = pytest.mark.usefixtures("peopled")

TABLES = ("organisation", "member", "contact", "grid")
OWN = "330600010019.330602010021.330602010028.330602010035."
CONTACTS = (
    "organisation,name,post\n330602010035,甲,secretary\n330602010042,乙,secretary\n"
    "330603010036,丙,secretary\n"
)


@pytest.fixture
def peopled(register):
    register("contacts", CONTACTS)
    register("grids", "grid,community,name\ng1,330603001008,一\n")


def count(tx, table: str) -> int:
    return tx.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()


def test_a_reused_connection_without_context_sees_nothing(web):
    with web.begin() as tx:
        view_as(tx, "3", "4", "")
        assert [count(tx, table) for table in TABLES] == [8, 2, 3, 1]
    with web.begin() as tx:
        assert tx.exec_driver_sql("SELECT current_setting('guidui.lo', true)").scalar_one() == ""
        assert [count(tx, table) for table in TABLES] == [0, 0, 0, 0]
        assert contacts(tx, ["330602010035"], None) == {}


def test_a_branch_sees_itself_and_no_neighbour(web):
    with web.begin() as tx:
        view_as(tx, OWN, just_after(OWN), "")
        assert tx.exec_driver_sql("SELECT member FROM member").scalars().all() == ["m1"]
        assert tx.exec_driver_sql("SELECT name FROM contact").scalars().all() == ["甲"]
        assert count(tx, "organisation") == 1 and count(tx, "grid") == 0
        assert count(tx, "division") == 0  # a right to read, and nothing loaded


def test_a_district_sees_its_tree_and_not_the_other_district(web):
    with web.begin() as tx:
        path = "330600010019.330603010022."
        view_as(tx, path, just_after(path), "")
        assert count(tx, "member") == 0
        assert tx.exec_driver_sql("SELECT name FROM contact").scalars().all() == ["丙"]
        assert count(tx, "grid") == 1


def test_the_directory_and_official_contacts_are_for_whoever_looks(web):
    with web.begin() as tx:
        view_as(tx, OWN, just_after(OWN), "")
        assert len(Directory.of(tx)) == 8
        assert contacts(tx, ["330603010036"], "2026-03-02")["330603010036"][0].name == "丙"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE member SET organisation = '330602010042'",
        "UPDATE member SET path = 'x'",
        "DELETE FROM member",
        "DELETE FROM organisation",
        "UPDATE registry_version SET mark = gen_random_uuid()",
        "SELECT paths_follow('330600010019.', '330603010022.', 10)",
    ],
)
def test_no_worker_moves_a_member(worker, statement):
    with (
        pytest.raises(Exception, match="permission denied|no organisation moved"),
        worker.begin() as tx,
    ):
        tx.exec_driver_sql(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM member_key",
        "SELECT * FROM path_move",
        "UPDATE member SET name = 'x'",
        "INSERT INTO division VALUES ('99', 'x', 1, NULL)",
    ],
)
def test_the_web_role_writes_nothing_and_reads_no_keys(web, statement):
    with pytest.raises(ProgrammingError, match="permission denied"), web.begin() as tx:
        tx.exec_driver_sql(statement)


def test_the_directory_is_read_anew_only_when_the_register_changed(register, web, worker):
    with worker.begin() as tx:
        first = Directory.of(tx)
    with web.begin() as tx:
        assert Directory.of(tx) is first
    register(
        "organisations",
        "code,name,kind,unit,parent\n330602010077,中共绍兴市越城区某支部委员会,branch,organ,330602010028\n",
    )
    with web.begin() as tx:
        assert len(Directory.of(tx)) == len(first) + 1
