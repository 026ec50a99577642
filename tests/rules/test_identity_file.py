"""`guidui identify` on files."""

from __future__ import annotations

import io
import json
import lzma
from pathlib import Path

import pytest

from services.identity.file import identify_files
from services.identity.organisations import Organisations

HEADER = "member,name,sex,birth_date,id_number,phone,address,organisation,standing\n"
MEMBERS = (
    HEADER + "m1,李国栋,male,1975-03-02,430203197503021615,13800000001,,430203001002,normal\n"
    "m2,买买提·艾力,male,1960-01-04,,,,430203001003,normal\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "m.csv.xz").write_bytes(lzma.compress(MEMBERS.encode("utf-8-sig")))
    return tmp_path


def _identify(folder: Path, lines: list[str], **more: object) -> tuple[int, list[dict], str]:
    (folder / "in.jsonl").write_text("\n".join(lines), "utf-8")
    said = io.StringIO()
    code = identify_files(
        folder / "m.csv.xz", folder / "in.jsonl", folder / "out.jsonl", stderr=said, **more
    )
    out = folder / "out.jsonl"
    return (
        code,
        [json.loads(line) for line in out.read_text("utf-8").splitlines()] if out.exists() else [],
        said.getvalue(),
    )


def test_rows_come_back_in_order_with_rate_and_memory_told(folder: Path) -> None:
    code, answers, said = _identify(
        folder,
        [
            '{"id": "b", "name": "李国栋", "id_number": "430203197503021615"}',
            '{"id": 2, "name": "赵六", "birth_date": "1980-01-01"}',
        ],
    )
    assert code == 0
    assert [(one["id"], one["decision"]) for one in answers] == [
        ("b", "match"),
        (2, "not_a_member"),
    ]
    reason = answers[0]["candidates"][0]["reasons"][0]
    assert (reason["field"], reason["level"], reason["words"]) == (
        "id_number",
        "same",
        "身份证号码相同",
    )
    assert "2 members indexed" in said and "/s" in said and "MB" in said


def test_a_military_card_finds_who_has_no_number_where_the_register_has_the_column(
    folder: Path,
) -> None:
    soldier = '{"id": 1, "name": "退伍的人", "military_card": "军1234567"}'
    other = '{"id": 2, "name": "别的名字", "military_card": "军字第1234567号"}'
    card = (
        MEMBERS.replace("standing\n", "standing,military_card\n").replace("normal\n", "normal,\n")
        + "n1,退伍的人,,1990-05-06,,,,430203001002,normal,军字第 1234567 号\n"
    )
    (folder / "m.csv.xz").write_bytes(lzma.compress(card.encode()))
    code, answers, _ = _identify(folder, [soldier, other])
    assert code == 0 and [one["decision"] for one in answers] == ["match", "review"]
    assert [one["candidates"][0]["member"] for one in answers] == ["n1", "n1"]
    assert "军人证件" in answers[0]["candidates"][0]["reasons"][0]["words"]
    (folder / "m.csv.xz").write_bytes(
        lzma.compress((MEMBERS + "n1,退伍的人,,1990-05-06,,,,430203001002,normal\n").encode())
    )
    assert _identify(folder, [soldier])[1][0]["decision"] != "match"


def test_bad_lines_are_named_and_the_others_go_through(folder: Path) -> None:
    code, answers, said = _identify(
        folder,
        [
            "{",
            '{"name": "李国栋"}',
            "[]",
            '{"id": "a", "name": "李国栋", "sex": ["男"]}',
            '{"id": "z", "name": "\\ud800", "id_number": 430203197503021615}',
        ],
    )
    assert code == 1
    assert [one["id"] for one in answers] == ["z"]
    assert all(f"line {number}" in said for number in (1, 2, 3, 4)) and "4 bad lines" in said


def test_bad_members_are_named(folder: Path) -> None:
    (folder / "m.csv.xz").write_bytes(lzma.compress((MEMBERS + "m3\n").encode()))
    code, answers, said = _identify(folder, ['{"id": "a", "id_number": "430203197503021615"}'])
    assert code == 1 and answers[0]["decision"] == "match" and "row 4" in said


@pytest.mark.parametrize("fault", ["no_members", "no_input", "no_folder", "no_column", "prior"])
def test_bad_usage(folder: Path, fault: str) -> None:
    (folder / "in.jsonl").write_text('{"id": 1}', "utf-8")
    members, inp, out, prior = folder / "m.csv.xz", folder / "in.jsonl", folder / "out.jsonl", None
    if fault == "no_members":
        members = folder / "none.csv"
    elif fault == "no_input":
        inp = folder / "none.jsonl"
    elif fault == "no_folder":
        out = folder / "none" / "out.jsonl"
    elif fault == "no_column":
        (folder / "m.csv.xz").write_bytes(lzma.compress(b"reference,name\n1,x\n"))
    else:
        prior = 1.5
    said = io.StringIO()
    assert identify_files(members, inp, out, prior=prior, stderr=said) == 2
    assert "guidui identify:" in said.getvalue() and not out.exists()


def test_the_list_of_organisations_beside_the_register_tells_names(folder: Path) -> None:
    row = (
        '{"id": 1, "name": "李国栋", "birth_date": "1975", "organisation": '
        '"中共芦淞区天盛公司第二支部委员会"}'
    )
    assert _identify(folder, [row])[1][0]["decision"] == "review"
    (folder / "organisations.csv").write_text(
        "code,name,successor\n430203001502,中共芦淞区天盛公司第二支部委员会,430203001002\n", "utf-8"
    )
    assert _identify(folder, [row])[1][0]["decision"] == "match"


def test_organisations_by_short_name_old_code_and_one_name_for_two() -> None:
    known = Organisations(
        [
            {"code": "430203001000", "name": "中共天盛公司委员会"},
            {"code": "430203009000", "name": "中共天盛厂委员会", "successor": "430203001000"},
            {"code": "430203002000", "name": "中共水利局委员会"},
            {"code": "430203003000", "name": "中共水利局委员会"},
        ]
    )
    assert (
        known.code_of("天盛公司")
        == known.code_of("天盛厂")
        == known.code_of("430203009000")
        == "430203001000"
    )
    assert known.code_of("水利局") == "430203002000|430203003000"
    assert known.code_of("别的单位") == "别的单位" and known.code_of("同上") is None
