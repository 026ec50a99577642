"""`guidui load`: what a file of any make does to the register, and what it never does."""

from __future__ import annotations

import csv
import json
import lzma

import pytest

from services.registry.load import load, load_rows
from services.registry.tabular import BadFile
from tests.registry.conftest import MEMBERS, ORGANISATIONS

HEADER = MEMBERS.splitlines()[0]
ORGANISATION_HEADER = ORGANISATIONS.splitlines()[0]


def everything(engine) -> dict[str, list]:
    """All rows of the register, as they would differ if anything had changed."""
    tables = ("organisation", "member", "member_key", "contact", "grid", "division")
    with engine.begin() as tx:
        return {
            table: sorted(tx.exec_driver_sql(f"SELECT one::text FROM {table} one").scalars())
            for table in tables
        }


def errors(result) -> list[dict[str, str]]:
    with open(result.errors, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def member_line(member="m3", name="李明", organisation="330602010035", **cells) -> str:
    given = {
        "member": member,
        "name": name,
        "organisation": organisation,
        "status": "full",
        "standing": "normal",
    } | cells
    return ",".join(given.get(column, "") for column in HEADER.split(","))


def test_superiors_may_come_later_and_a_second_load_changes_nothing(load_text, worker, tmp_path):
    first = load_text("organisations", ORGANISATIONS)
    assert (first.good, first.unchanged, first.bad) == (8, 0, 0)
    load_text("members", MEMBERS)
    before = everything(worker)
    again = load_text("organisations", ORGANISATIONS), load_text("members", MEMBERS)
    assert [(one.good, one.unchanged, one.bad) for one in again] == [(0, 8, 0), (0, 2, 0)]
    assert "没有改动" in again[0].words.zh and "Nothing changed" in again[0].words.en
    assert everything(worker) == before
    assert not list(tmp_path.glob("*.errors.csv"))
    with worker.begin() as tx:
        path = tx.exec_driver_sql("SELECT path FROM member WHERE member = 'm1'").scalar_one()
    assert path == "330600010019.330602010021.330602010028.330602010035."


@pytest.mark.parametrize(
    "make",
    [
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("gb18030"),
        lambda text: text.encode("utf-16"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace(",", "\t").encode(),
        lambda text: text.replace(",", ";").encode(),
        lambda text: ("\n" + text.replace("\n", "\n,,,,,,,,\n")).encode(),
        lambda text: "".join(
            json.dumps(row) + "\n" for row in csv.DictReader(text.splitlines())
        ).encode(),
    ],
    ids=["bom", "gb18030", "utf-16", "crlf", "tabs", "semicolons", "blank-rows", "json-lines"],
)
@pytest.mark.parametrize("pack", [lambda data: data, lzma.compress], ids=["plain", "xz"])
def test_any_make_of_file_is_the_same_file(load_text, worker, make, pack):
    name = "organisations.csv.xz" if pack is lzma.compress else "organisations.csv"
    result = load_text("organisations", pack(make(ORGANISATIONS)), name)
    assert (result.good, result.bad) == (8, 0)
    with worker.begin() as tx:
        assert (
            tx.exec_driver_sql(
                "SELECT name FROM organisation WHERE code = '330603010029'"
            ).scalar_one()
            == "中共浙江省绍兴市柯桥区柯桥街道工作委员会"
        )


def test_rare_characters_survive_gb18030_and_the_database(register, worker):
    names = ["马文䶮", "韩㛃", "𠮷野", "买买提·艾合买提", "\U00030edd三"]
    content = "\n".join(
        [HEADER, *(member_line(f"r{place}", name) for place, name in enumerate(names))]
    )
    assert register("members", content.encode("gb18030")).good == 5
    with worker.begin() as tx:
        assert (
            list(
                tx.exec_driver_sql(
                    "SELECT name FROM member WHERE member LIKE 'r%%' ORDER BY member"
                ).scalars()
            )
            == names
        )


def test_columns_in_any_order_some_missing_some_unknown(register, worker):
    result = register("members", "备注,organisation,name,member\n转业,330602010035,赵强,m9\n")
    assert (result.good, result.unknown) == (1, ("备注",))
    assert "id_number" in result.missing
    assert "备注" in result.words.zh
    with worker.begin() as tx:
        assert tx.exec_driver_sql(
            "SELECT status, standing, phone FROM member WHERE member = 'm9'"
        ).one() == (
            "full",
            "normal",
            None,
        )


def test_the_tree_refuses_what_has_no_place_and_takes_the_rest(load_text, worker):
    result = load_text(
        "organisations",
        "\n".join(
            [
                ORGANISATION_HEADER,
                "100000000001,中共某市委组织部,organisation_department,city,,3306,yes,yes,",
                "100000000002,中共某区委组织部,organisation_department,county,100000000001,330602,yes,yes,",
                "200000000001,甲,branch,organ,999999999999,,,,",  # unknown superior
                "200000000002,乙,branch,organ,200000000001,,,,",  # below it
                "300000000001,丙,branch,organ,300000000003,,,,",  # a circle of three
                "300000000002,丁,branch,organ,300000000001,,,,",
                "300000000003,戊,branch,organ,300000000002,,,,",
                "300000000004,己,branch,organ,300000000003,,,,",  # hangs on the circle
                "400000000001,庚,branch,organ,400000000001,,,,",  # its own superior
                "100000000002,中共某区委组织部,branch,county,100000000001,,,,",  # twice
                "5000000000,辛,branch,organ,100000000001,,,,",  # ten digits
                "5.0E+11,壬,分支,organ,100000000001,,maybe,,2026-02-30",  # four things wrong
            ]
        )
        + "\n",
    )
    assert (result.good, result.bad) == (2, 10)
    said = {row["row"]: row for row in errors(result)}
    assert "999999999999" in said["4"]["reason"] and said["4"]["column"] == "parent"
    assert "200000000001 未能导入" in said["5"]["reason"]
    for row in ("6", "7", "8"):
        assert "成了一个圈" in said[row]["reason"]
    assert "未能导入" in said["9"]["reason"]
    assert "与第 3 行重复" in said["11"]["reason"]
    assert said["13"]["column"] == "code；kind；serves_area；effective_from"
    assert all(row["fix"] for row in said.values())
    with worker.begin() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM organisation").scalar_one() == 2


def test_a_circle_through_the_register_leaves_the_register_as_it_was(register, worker):
    before = everything(worker)
    result = register(
        "organisations",
        f"{ORGANISATION_HEADER}\n"
        "330603010022,中共浙江省绍兴市柯桥区委组织部,organisation_department,county,330603010036,330603,yes,yes,2015-01-01\n",
    )
    assert (result.good, result.bad) == (0, 1)
    assert everything(worker) == before


def test_the_error_file_runs_no_formula_and_can_be_mended_and_loaded(register, worker):
    bad = member_line(
        "=cmd|' /C calc'!A0", "@SUM(1+1)", "330602019999", phone="+8613900000009", address="-2+3"
    )
    result = register("members", f"{HEADER}\n{bad}\n{member_line('m4')}\n")
    assert (result.good, result.bad) == (1, 1)
    for row in errors(result):
        assert not [cell for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]
    mended = result.errors.read_text("utf-8-sig").replace("330602019999", "330602010035")
    again = register("members", mended, "mended.csv")
    assert (again.good, again.bad, again.unknown) == (1, 0, ())
    with worker.begin() as tx:
        assert tx.exec_driver_sql(
            "SELECT name, address FROM member WHERE phone = '13900000009'"
        ).one() == (
            "@SUM(1+1)",
            "-2+3",
        )


def test_the_error_file_of_an_earlier_run_goes_away(register, tmp_path):
    assert register("members", f"{HEADER}\n{member_line(organisation='1')}\n").errors.exists()
    assert register("members", f"{HEADER}\n{member_line()}\n").errors is None
    assert not (tmp_path / "members.csv.errors.csv").exists()


def test_excel_guards_come_off(register, worker):
    register(
        "members",
        f"{HEADER}\n"
        + member_line('"=""00123"""', id_number="'11010519491231002X", birth_date="1949/12/31")
        + "\n",
    )
    with worker.begin() as tx:
        found = tx.exec_driver_sql(
            "SELECT id_number, birth_date::text FROM member WHERE member = '00123'"
        ).one()
    assert found == ("11010519491231002X", "1949-12-31")


def test_quotation_marks_astray_cost_their_own_row(register):
    lines = [
        HEADER,
        member_line("q1", '"王五'),
        member_line("q2", '赵"六'),
        member_line("q3"),
        member_line("q4", '"钱,七"'),
        member_line("q5", '"孙\n八"'),
        member_line("q6", '"周'),
    ]
    lines += [member_line(f"q{number}") for number in range(10, 40)]
    result = register("members", "\n".join(lines))
    assert result.bad == 2 and result.good == 34
    assert {row["row"] for row in errors(result)} == {"2", "7"}


def test_bytes_that_are_no_text_cost_their_own_row(register):
    content = (
        f"{HEADER}\n{member_line('b1')}\n".encode()
        + b"b2,\xff\xfe\x00,,,,,,,,,,330602010035,,\n"
        + member_line("b3").encode()
    )
    result = register("members", content)
    assert (result.good, result.bad) == (2, 1)


@pytest.mark.parametrize(
    "kind, content, words",
    [
        ("members", b"", "空"),
        ("members", b"\n\n  \n", "空"),
        ("members", b"PK\x03\x04whatever", "工作簿"),
        ("members", b"\x00\x01\x02\x03binary", "CSV"),
        ("members", "姓名,单位\n甲,乙\n".encode(), "member"),
        ("people", b"member\n", "members"),
    ],
)
def test_a_file_that_is_none_is_refused_whole(register, worker, kind, content, words):
    before = everything(worker)
    with pytest.raises(BadFile) as refused:
        register(kind, content)
    assert words in refused.value.words.zh
    assert everything(worker) == before


def test_a_damaged_archive_keeps_what_was_read_and_says_so(register):
    lines = [HEADER, *(member_line(f"x{number}", phone=str(number**3)) for number in range(40_000))]
    packed = lzma.compress("\n".join(lines).encode())
    result = register("members", packed[: len(packed) // 2], "members.csv.xz")
    assert result.good >= 5_000 and result.bad == 1
    assert "中断" in errors(result)[0]["reason"]
    with pytest.raises(BadFile):
        register("members", packed[:20], "members.csv.xz")


def test_no_file_moves_a_member(register, worker):
    result = register(
        "members",
        f"{HEADER}\n{member_line('m1', '沈育文', '330602010042')}\n"
        f"{member_line('m2', '王方', '330602010042')}\n",
    )
    assert (result.good, result.bad) == (1, 1)
    assert "330602010035" in errors(result)[0]["reason"] and "接收" in errors(result)[0]["reason"]
    with worker.begin() as tx:
        assert dict(tx.exec_driver_sql("SELECT member, organisation FROM member").all()) == {
            "m1": "330602010035",
            "m2": "330602010042",
        }
        assert (
            tx.exec_driver_sql("SELECT name FROM member WHERE member = 'm2'").scalar_one() == "王方"
        )


def test_a_member_under_the_old_code_is_where_its_successor_is(register, worker):
    register(
        "organisations",
        f"{ORGANISATION_HEADER},effective_to,successor\n"
        "330602010099,中共绍兴市越城区水利局支部委员会,branch,organ,330602010028,330602,no,no,2010-01-01,2020-12-31,330602010035\n",
    )
    line = MEMBERS.splitlines()[1].replace("330602010035", "330602010099")
    result = register("members", f"{HEADER}\n{line}\n")
    assert (result.unchanged, result.bad) == (1, 0)


def test_a_file_neither_restores_a_standing_nor_takes_back_life_and_dues(register, worker):
    with worker.begin() as tx:
        tx.exec_driver_sql("UPDATE member SET standing = 'suspended' WHERE member = 'm1'")
        tx.exec_driver_sql(
            "UPDATE member SET last_life_on = '2026-03-01', dues_paid_to = '2026-03' WHERE member "
            "= 'm2'"
        )
    result = register("members", MEMBERS)
    assert (result.good, result.unchanged, result.bad) == (0, 1, 1)
    assert "恢复" in errors(result)[0]["fix"]
    with worker.begin() as tx:
        assert (
            tx.exec_driver_sql("SELECT standing FROM member WHERE member = 'm1'").scalar_one()
            == "suspended"
        )
        assert tx.exec_driver_sql(
            "SELECT last_life_on::text, dues_paid_to FROM member WHERE member = 'm2'"
        ).one() == ("2026-03-01", "2026-03")


def test_a_wrong_id_number_is_a_warning_never_a_lost_member(register, worker):
    result = register(
        "members",
        "\n".join(
            [
                HEADER,
                member_line("w1", id_number="330602196603201718"),
                member_line("w2", id_number="3.30602E+17"),
                member_line("w3"),
            ]
        ),
    )
    assert (result.good, result.bad, sum(result.warnings.values())) == (3, 0, 3)
    assert "校验位" in result.words.zh
    assert "w1（第 2 行）" in result.words.zh and "w2 (row 3)" in result.words.en
    with result.doubts.open(encoding="utf-8-sig", newline="") as file:
        assert [row["member"] for row in csv.DictReader(file)] == ["w1", "w2", "w3"]


def test_a_channel_that_is_not_connected_is_kept_and_said(register, worker):
    result = register(
        "contacts",
        (
            "organisation,name,post,phone,email,channel\n"
            "330602010035,张立,secretary,13900000003,,wecom\n"
            "330602010042,李敏,secretary,13900000004,li@example.org,email\n"
        ),
    )
    assert (result.good, result.bad) == (2, 0)
    assert "1 行——渠道“企业微信”（wecom）尚未接通" in result.words.zh
    assert "channel wecom is not connected yet" in result.words.en
    with worker.connect() as tx:
        assert (
            tx.exec_driver_sql("SELECT channel FROM contact WHERE name = '张立'").scalar_one()
            == "wecom"
        )


def test_keys_follow_the_member(register, worker):
    with worker.begin() as tx:
        before = set(tx.exec_driver_sql("SELECT key FROM member_key WHERE member = 'm2'").scalars())
    register("members", MEMBERS.replace("王芳", "欧阳芳芳"))
    with worker.begin() as tx:
        after = set(tx.exec_driver_sql("SELECT key FROM member_key WHERE member = 'm2'").scalars())
    assert before - after and after - before and before & after


def test_a_row_the_database_refuses_costs_only_itself(register, worker, database, clock):
    from services.kit.db.engine import connect

    owner = connect(database.owner_url, None)
    with owner.begin() as tx:
        tx.exec_driver_sql("ALTER TABLE member ADD CONSTRAINT odd CHECK (name <> '怪')")
    owner.dispose()
    result = load_rows(
        worker,
        "members",
        [
            {"member": f"d{n}", "name": "怪" if n == 7 else "好", "organisation": "330602010035"}
            for n in range(12)
        ],
        clock,
    )
    assert (result.good, result.bad) == (11, 1)
    assert result.faults[0][0] == 8


def test_rows_are_committed_as_they_come(register, worker, clock, tmp_path):
    """A load that is cut off has lost nothing of what it said it had done."""
    file = tmp_path / "many.csv"
    file.write_text(
        "\n".join([HEADER, *(member_line(f"k{number:05}") for number in range(12_000))])
    )

    class CutOff(Exception):
        pass

    def stop(done: int) -> None:
        if done >= 5_000:
            raise CutOff

    with pytest.raises(CutOff):
        load(worker, "members", file, clock, say=stop)
    with worker.begin() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM member").scalar_one() == 5_002
    rest = load(worker, "members", file, clock)
    assert (rest.good, rest.unchanged) == (7_000, 5_000)


@pytest.mark.parametrize(
    ("cell", "kept", "said"),
    [
        ("32874", "1990-01-01", ""),
        ("1990/1/1 0:00", "1990-01-01", ""),
        ("１９９０年１月１日", "1990-01-01", ""),
        ("一九九〇年一月一日", "1990-01-01", ""),
        ("90.1.1", "1990-01-01", "两位"),
        ("1990.10", None, "没有写到日"),
        ("1990年10月", None, "没有写到日"),
    ],
)
def test_a_birth_date_is_read_as_people_and_spreadsheets_write_it(
    register, worker, cell, kept, said
):
    result = register("members", HEADER + "\n" + member_line(birth_date=cell))
    assert (result.good, result.bad) == (1, 0)
    with worker.connect() as tx:
        assert (
            tx.exec_driver_sql(
                "SELECT birth_date::text FROM member WHERE member = 'm3'"
            ).scalar_one()
            == kept
        )
    assert said in result.words.zh


@pytest.mark.parametrize("cell", ["1990-02-30", "1990年13月1日", "昨天", "1856-01-01"])
def test_a_birth_date_that_does_not_exist_is_a_bad_row(register, cell):
    result = register("members", HEADER + "\n" + member_line(birth_date=cell))
    assert (result.good, result.bad) == (0, 1)


def test_radicals_of_a_pdf_go_into_the_register_as_ordinary_characters(register, worker):
    result = register("members", HEADER + "\n" + member_line(name="⻢云飞", address="⻄安市⻓安区"))
    assert result.good == 1
    with worker.connect() as tx:
        assert tx.exec_driver_sql("SELECT name, address FROM member WHERE member = 'm3'").one() == (
            "马云飞",
            "西安市长安区",
        )
