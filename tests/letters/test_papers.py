"""What the papers say and show: opened with real readers, names byte for byte, QR decoded, capital
numerals, offsets.
"""

from __future__ import annotations

import io
import json
from datetime import date

import pypdf
import pypdfium2
import pytest
import zxingcpp
from docx import Document

from services.kit.errors import Refused
from services.records.letters import pdf, word
from services.records.letters.fonts import FOLDER, Fonts, fonts_of
from services.records.letters.form import RECEIPT, RECEIPT_UP, Sheet, age_on, ethnicity_words
from services.records.letters.numerals import capital, digit_by_digit, year_and_month

NAMES = (
    "沈育文",
    "买买提·艾合买提",
    "𠮷野",
    "䶮㛃",
    "欧阳娜娜",
    "\U0002cd02\U0002b372",
    "\U0002f800丽",
    "〇一",
    "鿫鿼",
    "﨎",
    "⼀一",
    "凉凉",
    "Ёлка",
    "阿依古丽・买买提",
    "\U0002a6d6",
)
LINK = "https://guidui.example.org/l/ABCDEFGH23456789"


def sheet(name: str = "沈育文", **values: str) -> Sheet:
    said = {
        "number": "越纺组0001",
        "name": name,
        "from": "中共示例纺织第一支部委员会",
        "to": "中共管墅社区总支部委员会",
        "header": "中共柯桥街道工作委员会",
        "committee": "中共示例纺织有限公司委员会",
        "date": "2026年11月23日",
        "id_number": "33060219660320171X",
        "age": "60",
        "ethnicity": "维吾尔",
        "dues_year": "贰零贰陆",
        "dues_month": "壹拾壹",
        "validity": "叁拾",
        "handler": "赵敏",
    } | values
    return Sheet(said, {"sex": "男", "status": "正式"}, LINK)


def written(*sheets: Sheet, over: pdf.Offset | None = None) -> bytes:
    out = io.BytesIO()
    pdf.write_letters(out, sheets, fonts_of(), over)
    return out.getvalue()


def by_pypdf(content: bytes, page: int = 0) -> str:
    return pypdf.PdfReader(io.BytesIO(content)).pages[page].extract_text()


def by_pdfium(content: bytes, page: int = 0) -> str:
    document = pypdfium2.PdfDocument(content)
    try:
        return document[page].get_textpage().get_text_range()
    finally:
        document.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stands_three_times_in_the_text_layer_byte_for_byte(name):
    content = written(sheet(name))
    assert by_pypdf(content).count(name) == 3


def test_every_name_of_the_list_can_be_printed():
    assert {name: fonts_of().missing(name) for name in NAMES if fonts_of().missing(name)} == {}


@pytest.mark.parametrize("name", ["沈育文", "买买提·艾合买提", "䶮㛃", "欧阳娜娜"])
def test_a_second_reader_finds_the_same(name):
    assert by_pdfium(written(sheet(name))).count(name) == 3


def test_many_names_in_one_file_keep_to_their_pages():
    people = [f"{a}{b}" for a in "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨" for b in NAMES[:6]]
    reader = pypdf.PdfReader(io.BytesIO(written(*(sheet(name) for name in people))))
    assert len(reader.pages) == len(people)
    for name, page in zip(people, reader.pages, strict=True):
        assert page.extract_text().count(f"\n{name}\n") >= 2, name


def test_all_three_parts_are_on_the_page():
    said = by_pypdf(written(sheet()))
    for words in (
        "介绍信存根",
        "贴回执联处",
        "骑缝章",
        "党员，身份证号码",
        "党费已交到",
        "有效期",
        "通讯地址",
        "邮编",
        "回执联",
        "已转达我处，特此回复",
        "一个月内",
        "33060219660320171X",
        "维吾尔",
        "贰零贰陆",
        "壹拾壹",
        "叁拾",
    ):
        assert words in said, words
    assert said.count("越纺组0001") == 3


def test_the_qr_code_is_read_from_the_rendered_page_and_names_nobody():
    document = pypdfium2.PdfDocument(written(sheet()))
    picture = document[0].render(scale=2).to_pil()
    document.close()
    assert [found.text for found in zxingcpp.read_barcodes(picture)] == [LINK]


@pytest.mark.parametrize(
    ("text", "lacking"),
    [("\U00030edd兵", "\U00030edd"), ("\ue78d文", "\ue78d"), ("沈\u0378", "\u0378")],
)
def test_a_character_without_a_glyph_is_refused_by_name_with_what_to_do(text, lacking):
    out = io.BytesIO()
    with pytest.raises(Refused) as refused:
        pdf.write_letters(out, [sheet(), sheet(text)], fonts_of())
    assert refused.value.code == "glyph-missing" and out.getvalue() == b""
    words = refused.value.words.zh
    assert (
        text in words
        and f"U+{ord(lacking):04X}" in words
        and "GUIDUI_FONTS" in words
        and "Word" in words
    )


def test_without_fonts_nothing_is_printed(tmp_path):
    with pytest.raises(Refused) as refused:
        pdf.write_letters(io.BytesIO(), [sheet()], Fonts(tmp_path))
    assert refused.value.code == "no-font" and "make install" in refused.value.words.zh


def test_a_font_of_the_operators_own_helps_and_a_broken_file_beside_it_does_no_harm(tmp_path):
    drawn = json.loads((FOLDER / "index.json").read_text())
    rare = next(
        name
        for name, ranges in drawn.items()
        if any(first <= ord("𠮷") <= last for first, last in ranges)
    )
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    (tmp_path / "own.ttf").write_bytes((FOLDER / rare).read_bytes())
    assert Fonts(tmp_path / "none").missing("𠮷") == ["𠮷"]
    assert Fonts(tmp_path / "none", tmp_path).missing("𠮷一") == ["一"]


def placed(content: bytes, text: str) -> list[tuple[float, float]]:
    """Where a text stands on the first page, in mm from the upper left."""
    found = []

    def visit(said, _, matrix, *__) -> None:
        if text in said:
            found.append((matrix[4] / 72 * 25.4, 297 - matrix[5] / 72 * 25.4))

    pypdf.PdfReader(io.BytesIO(content)).pages[0].extract_text(visitor_text=visit)
    return found


def test_over_printing_writes_the_values_alone_and_offsets_move_them():
    plain, moved = (written(sheet(), over=pdf.Offset(*offset)) for offset in ((0, 0), (2.5, -4)))
    assert (
        "介绍信" not in by_pypdf(plain).replace(LINK, "") and by_pypdf(plain).count("沈育文") == 3
    )
    assert by_pypdf(written(sheet())).count("沈育文") == 3
    before, after = placed(plain, "越纺组0001"), placed(moved, "越纺组0001")
    assert len(before) == len(after) == 3
    for (x, y), (right, low) in zip(before, after, strict=True):
        assert (round(right - x, 1), round(low - y, 1)) == (2.5, -4.0)


def test_over_printed_values_stand_where_the_whole_form_has_them():
    whole, over = (
        placed(written(sheet()), "越纺组0001"),
        placed(written(sheet(), over=pdf.Offset()), "越纺组0001"),
    )
    assert [(round(x, 1), round(y, 1)) for x, y in whole] == [
        (round(x, 1), round(y, 1)) for x, y in over
    ]


def test_a_receipt_alone_stands_at_the_top():
    out = io.BytesIO()
    pdf.write_receipts(out, [sheet()], fonts_of())
    said = by_pypdf(out.getvalue())
    assert "特此回复" in said and "存根" not in said and "沈育文" in said and "赵敏" in said
    assert 0 < placed(out.getvalue(), "越纺组0001")[0][1] < RECEIPT.lines[1].y - RECEIPT_UP + 5


@pytest.mark.parametrize("long", ["中共绍兴市越城区示例集团有限公司" * 4, "某" * 40])
def test_what_is_long_shrinks_and_stays_on_the_page_whole(long):
    said = by_pypdf(written(sheet(long, to=long))).replace("\n", "")
    assert said.count(long) >= 3
    for x, _ in placed(written(sheet(long, to=long)), long[:5]):
        assert 10 < x < 190


def test_word_holds_the_same_names_and_strikes_the_wrong_words():
    out = io.BytesIO()
    assert word.write_letters(out, [sheet(name) for name in NAMES]) == len(NAMES)
    document = Document(io.BytesIO(out.getvalue()))
    said = "\n".join(p.text for p in document.paragraphs)
    assert all(said.count(name) >= 3 for name in NAMES)
    struck = {run.text for p in document.paragraphs for run in p.runs if run.font.strike}
    assert struck == {"预备", "女"} and len(document.inline_shapes) == len(NAMES)
    rare = [run for p in document.paragraphs for run in p.runs if "𠮷" in run.text]
    assert {run.font.name for run in rare} == {"SimSun-ExtB"}


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "零"),
        (1, "壹"),
        (10, "壹拾"),
        (11, "壹拾壹"),
        (12, "壹拾贰"),
        (20, "贰拾"),
        (30, "叁拾"),
        (60, "陆拾"),
        (89, "捌拾玖"),
        (90, "玖拾"),
        (100, "壹佰"),
        (105, "壹佰零伍"),
        (110, "壹佰壹拾"),
        (1000, "壹仟"),
        (1001, "壹仟零壹"),
        (1010, "壹仟零壹拾"),
        (9999, "玖仟玖佰玖拾玖"),
    ],
)
def test_capital_numbers(number, words):
    assert capital(number) == words


def test_capital_dates_and_ages():
    assert digit_by_digit(2026) == "贰零贰陆" and year_and_month("2026-01") == ("贰零贰陆", "壹")
    assert year_and_month("2010-10") == ("贰零壹零", "壹拾")
    assert (
        age_on(date(1966, 11, 24), date(2026, 11, 23)),
        age_on(date(1966, 11, 23), date(2026, 11, 23)),
    ) == ("59", "60")
    assert (
        age_on(None, date(2026, 1, 1)) == ""
        and ethnicity_words("汉族") == "汉"
        and ethnicity_words(None) == ""
    )
    with pytest.raises(ValueError):
        capital(-1)
