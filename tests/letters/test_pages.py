"""Papers by pages and calls: who prints what, that it is noted, photos of receipts, the QR code at
the counter.
"""

from __future__ import annotations

import io
from datetime import timedelta

import httpx
import pypdf
import pytest
from docx import Document
from PIL import Image
from pypdf.generic import ArrayObject, DictionaryObject, FloatObject, NameObject, TextStringObject
from structlog.testing import CapturingLogger

from services.cases.store import numbers
from services.records.letters import glyphs
from services.records.letters.fonts import fonts_of
from services.registry.load import load_rows
from tests.portal.town import text
from tests.stories import county_service
from tests.stories.county_service import BRANCH, COMMUNITY, NEIGHBOUR, STREET, UNIT

RARE = "\U00030edd"  # Extension G: in none of the fonts that come with guidui


def read(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return "".join(
        page.extract_text() for page in pypdf.PdfReader(io.BytesIO(answer.content)).pages
    )


@pytest.fixture
def call(town, url):
    def call(code: str, method: str, path: str, role: str = "receiver", **more) -> httpx.Response:
        return httpx.request(
            method, url + path, headers={"Authorization": f"Bearer {town.key(code, role)}"}, **more
        )

    return call


def looks(town) -> list[tuple]:
    with town.app.worker.connect() as tx:
        return [
            tuple(r)
            for r in tx.exec_driver_sql(
                "SELECT organisation, person, purpose FROM case_look WHERE purpose LIKE 'print%%' "
                "ORDER BY at"
            )
        ]


def photograph(place: bool = False) -> bytes:
    out, exif = io.BytesIO(), Image.Exif()
    if place:
        exif[0x010F] = "SecretCamera"
        exif.get_ifd(0x8825)[2] = (30.0, 5.0, 7.0)
    Image.new("RGB", (640, 480), "white").save(out, "JPEG", exif=exif)
    return out.getvalue()


def test_the_committee_prints_its_letter_and_it_is_noted(town, reader):
    case = town.leaves(0, "issue_letter")
    clerk = reader("clerk")
    assert "打印介绍信" in text(clerk.get(f"/cases/{case}"))
    assert county_service.name(0) in read(clerk.get(f"/cases/{case}/letter.pdf"))
    assert looks(town) == [(UNIT, "单位经办人", "print_letter")]
    assert "打印介绍信" in text(clerk.get(f"/cases/{case}/looks"))


@pytest.mark.parametrize(
    ("who", "status"), [("secretary", 403), ("street", 403), ("neighbour", 404), ("origin", 403)]
)
def test_nobody_else_prints_it_and_nothing_is_noted(town, reader, who, status):
    case = town.leaves(0, "issue_letter")
    for path in ("letter.pdf", "letter.docx"):
        answer = reader(who).get(f"/cases/{case}/{path}")
        assert answer.status_code == status and county_service.id_number(0) not in answer.text
    assert looks(town) == []


def test_a_void_or_expired_letter_is_not_printed(town, reader):
    case = town.leaves(0, "issue_letter")
    town.give(UNIT, case, "report_lost", reason="遗失")
    answer = reader("clerk").get(f"/cases/{case}/letter.pdf")
    assert answer.status_code == 409 and "没有有效的介绍信" in text(answer)


def test_the_qr_code_opens_the_case_for_who_may_see_it_and_says_nothing_to_others(town, reader):
    case = town.leaves(0, "issue_letter")
    with town.app.worker.connect() as tx:
        token = tx.exec_driver_sql(
            "SELECT token FROM counterfoil WHERE case_id = %s::uuid", (case,)
        ).scalar_one()
    assert reader("secretary").get(f"/l/{token}").url.path == f"/cases/{case}"
    known, unknown = (reader("neighbour").get(f"/l/{one}") for one in (token, "ABCDEFGH23456789"))
    assert known.status_code == unknown.status_code == 404
    assert text(known).partition("追踪号")[0] == text(unknown).partition("追踪号")[0]
    assert reader().get(f"/l/{token}").url.path == "/sign-in"


def test_the_receiver_prints_the_receipt_with_handler_and_day(town, reader):
    case = town.leaves(0, "send_receipt")
    said = read(reader("street").get(f"/cases/{case}/receipt.pdf"))
    assert all(
        words in said
        for words in (county_service.name(0), "经办人", "0575-1234567", "2026年11月23日")
    )
    assert reader("clerk").get(f"/cases/{case}/receipt.pdf").status_code == 200
    assert reader("neighbour").get(f"/cases/{case}/receipt.pdf").status_code == 404


def test_before_acceptance_there_is_no_receipt(town, reader):
    case = town.leaves(0, "record_arrival")
    assert reader("street").get(f"/cases/{case}/receipt.pdf").status_code == 409


def test_a_photo_is_filed_to_the_counterfoil_without_what_the_camera_knows(town, reader):
    case = town.leaves(0, "accept")
    clerk = reader("clerk")
    form = clerk.hidden(clerk.get(f"/cases/{case}/papers"), "/photos")
    answer = clerk.post(
        f"/cases/{case}/photos",
        data=form,
        files={"file": ("回执.jpg", photograph(True), "image/jpeg")},
    )
    assert "照片已贴到存根" in text(answer)
    link = answer.text.partition(f"/cases/{case}/photos/")[2].partition('"')[0]
    photo = clerk.get(f"/cases/{case}/photos/{link}")
    assert photo.headers["content-type"] == "image/jpeg" and b"SecretCamera" not in photo.content
    assert not Image.open(io.BytesIO(photo.content)).getexif()
    assert "有照片" in text(clerk.get("/letters"))
    assert reader("street").get(f"/cases/{case}/photos/{link}").status_code == 200
    assert reader("neighbour").get(f"/cases/{case}/photos/{link}").status_code == 404


@pytest.mark.parametrize(
    "content", [b"", b"%PDF-1.7 no picture", b"\xff\xd8\xff\xe0 broken", b"<svg onload='x()'/>"]
)
def test_what_is_no_picture_is_refused_and_nothing_is_kept(town, reader, content):
    case = town.leaves(0, "accept")
    clerk = reader("clerk")
    form = clerk.hidden(clerk.get(f"/cases/{case}/papers"), "/photos")
    answer = clerk.post(
        f"/cases/{case}/photos", data=form, files={"file": ("x.jpg", content, "image/jpeg")}
    )
    assert answer.status_code == 422 and (
        "不是照片" in text(answer) or "PDF 读不出来" in text(answer)
    )
    with town.app.worker.connect() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM receipt_photo").scalar_one() == 0


def test_ranges_void_numbers_and_settings_by_forms(town, reader):
    clerk = reader("clerk")

    def send(act: str, **filled) -> httpx.Response:
        return clerk.post(
            f"/letters/{act}", data=clerk.hidden(clerk.get("/letters"), f"/letters/{act}") | filled
        )

    assert "还有 20 个号" in text(send("range", prefix="越纺组", first="1", last="20", digits="4"))
    assert "已保存" in text(send("void", number="越纺组0001", reason="填错"))
    refused = send("range", prefix="越纺组", first="x", last="20", digits="4")
    assert refused.status_code == 422 and "整数" in text(refused)
    assert (
        send("range", organisation=STREET, prefix="", first="1", last="2", digits="4").status_code
        == 403
    )
    assert "已保存" in text(
        send("setting", right_mm="2.5", down_mm="-1", fax="0575-9", address="越城区某路1号")
    )
    case = town.leaves(0, "issue_letter")
    page = clerk.get("/letters")
    assert (
        "越纺组0002" in page.text
        and "有 1 封介绍信还没有打印" in text(page)
        and "填错" in text(page)
    )
    printed = read(clerk.post("/letters/print", data=clerk.hidden(page, "/letters/print")))
    assert (
        "越纺组0002" in printed
        and "0575-9" in printed
        and "越城区某路1号" in printed
        and case not in printed
    )
    assert "介绍信都已打印" in text(clerk.get("/letters"))
    assert "越纺组" not in reader("street").get("/letters").text


def test_the_calls_give_files_the_register_and_ranges(town, call):
    assert call(
        UNIT, "POST", "/v1/letters/ranges", json={"prefix": "K", "first": 1, "last": 9, "digits": 3}
    ).json() == {"assigned": 9}
    cases = [town.leaves(n, "issue_letter") for n in range(3)]
    assert county_service.name(0) in read(call(UNIT, "GET", f"/v1/cases/{cases[0]}/letter.pdf"))
    batch = call(UNIT, "POST", "/v1/letters/batch", json={"cases": cases[1:]})
    assert len(pypdf.PdfReader(io.BytesIO(batch.content)).pages) == 2
    document = Document(
        io.BytesIO(
            call(UNIT, "POST", "/v1/letters/batch", json={"cases": cases, "format": "docx"}).content
        )
    )
    assert county_service.name(2) in "\n".join(p.text for p in document.paragraphs)
    assert call(UNIT, "POST", "/v1/letters/batch", json={}).status_code == 422  # all are printed
    assert call(COMMUNITY, "POST", "/v1/letters/batch", json={"cases": cases}).status_code == 403
    assert call(NEIGHBOUR, "POST", "/v1/letters/batch", json={"cases": cases}).status_code == 404
    assert (
        call(UNIT, "POST", "/v1/letters/void", json={"number": "K009", "reason": "污损"}).json()[
            "status"
        ]
        == "void"
    )
    first = call(UNIT, "GET", "/v1/letters?limit=4").json()
    rest = call(UNIT, "GET", f"/v1/letters?limit=100&cursor={first['next']}").json()
    shown = {one["number"]: one["status"] for one in first["items"] + rest["items"]}
    assert (
        len(shown) == 9
        and [shown[f"K00{n}"] for n in (1, 4, 9)] == ["valid", "free", "void"]
        and rest["next"] is None
    )
    assert county_service.name(0) not in str(first)
    assert call(STREET, "GET", "/v1/letters").json()["items"] == []
    assert (
        call(
            BRANCH, "POST", "/v1/letters/ranges", json={"organisation": UNIT, "first": 1, "last": 2}
        ).status_code
        == 403
    )
    assert (
        call(UNIT, "POST", "/v1/letters/ranges", json={"first": True, "last": 2}).status_code == 422
    )
    assert call(UNIT, "GET", "/v1/letters/ranges").json()["items"][0]["free"] == 5
    assert call(UNIT, "GET", f"/v1/cases/{cases[0]}/letter.pdf", role="sender").status_code == 403


def test_an_enquiry_to_a_unit_outside_is_a_letter_of_its_asker(town, reader, call):
    from services.registry.load import load_rows

    outside = "130606010030"
    load_rows(
        town.app.worker,
        "organisations",
        [
            {
                "code": outside,
                "name": "中共和平里街道工作委员会",
                "kind": "basic_committee",
                "unit": "street",
                "area": "130606001",
                "serves_area": "yes",
                "authority": "yes",
                "outside": "yes",
            }
        ],
        town.clock,
    )
    case = town.leaves(0, "record_arrival")
    town.give(STREET, case, "ask", organisation=outside, text="请告知该同志档案现存何处。\n" * 60)
    street = reader("street")
    assert "沟通函" in text(street.get(f"/cases/{case}/papers"))
    said = read(street.get(f"/cases/{case}/enquiry-1.pdf"))
    assert all(
        words in said
        for words in (
            "中共和平里街道工作委员会",
            "请告知该同志档案现存何处",
            county_service.name(0),
            "沟通函回复单",
        )
    )
    assert said.count("请告知该同志档案现存何处") == 60
    assert reader("clerk").get(f"/cases/{case}/enquiry-1.pdf").status_code == 403
    assert street.get(f"/cases/{case}/enquiry-2.pdf").status_code == 404
    assert call(STREET, "GET", f"/v1/cases/{case}/enquiries/1.pdf").status_code == 200


def test_tokens_are_chance_and_hold_nothing():
    made = {numbers.new_token() for _ in range(1000)}
    assert len(made) == 1000 and all(len(one) == 16 and one.isalnum() for one in made)


def test_a_name_that_cannot_be_printed_is_told_at_the_start_and_before_its_letter(
    town, reader, monkeypatch
):
    def told() -> tuple:
        heard = CapturingLogger()
        monkeypatch.setattr(glyphs, "log", heard)
        glyphs.told_at_start(town.app.worker, fonts_of())
        [said] = heard.calls
        return said

    said = told()
    assert (said.args, said.method_name, said.kwargs["members"]) == (("glyphs_checked",), "info", 0)
    rare = county_service.name(0) + RARE
    row = {
        "member": "m00000",
        "name": rare,
        "id_number": county_service.id_number(0),
        "status": "full",
        "standing": "normal",
        "organisation": BRANCH,
    }
    assert load_rows(town.app.worker, "members", [row], town.clock).good == 1
    said = told()
    assert (said.method_name, said.kwargs) == ("warning", {"characters_missing": 1, "members": 1})
    assert rare not in text(reader("clerk").get("/letters"))
    town.leaves(0, person={"name": rare, "id_number": county_service.id_number(0)})
    assert f"“{rare}”中的“{RARE}”字体里没有" in text(reader("clerk").get("/letters"))
    assert rare not in text(reader("neighbour").get("/letters"))


def scan(pages: int = 1, **more) -> bytes:
    """A scan as office scanners make it: a picture on each page."""
    out = io.BytesIO()
    first, *others = [Image.new("RGB", (300, 420), "white") for _ in range(pages)]
    first.save(out, "PDF", save_all=True, append_images=others, **more)
    return out.getvalue()


def altered(change) -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(scan()))
    change(writer)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def launching(writer: pypdf.PdfWriter) -> None:
    link = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Annot"),
            NameObject("/Subtype"): NameObject("/Link"),
            NameObject("/Rect"): ArrayObject([FloatObject(n) for n in (0, 0, 9, 9)]),
            NameObject("/A"): DictionaryObject({NameObject("/S"): NameObject("/Launch")}),
        }
    )
    writer.pages[0][NameObject("/Annots")] = ArrayObject([writer._add_object(link)])


def running(writer: pypdf.PdfWriter) -> None:
    writer.root_object[NameObject("/OpenAction")] = DictionaryObject(
        {
            NameObject("/S"): NameObject("/JavaScript"),
            NameObject("/JS"): TextStringObject("app.alert(1)"),
        }
    )


ACTING = {
    "script": running,
    "attachment": lambda w: w.add_attachment("x.exe", b"MZ"),
    "launch": launching,
    "password": lambda w: w.encrypt("geheim"),
    "long": lambda w: [w.add_blank_page(100, 100) for _ in range(20)],
}


def upload(clerk, case: str, content: bytes, **fields) -> httpx.Response:
    form = clerk.hidden(clerk.get(f"/cases/{case}/papers"), "/photos")
    return clerk.post(
        f"/cases/{case}/photos",
        data=form | fields,
        files={"file": ("回执", content)} if content else None,
    )


def photos_of(town) -> list[tuple]:
    with town.app.worker.connect() as tx:
        return [
            tuple(r)
            for r in tx.exec_driver_sql("SELECT type, seq FROM receipt_photo ORDER BY at, id")
        ]


@pytest.mark.parametrize("what", ACTING)
def test_a_pdf_that_acts_or_cannot_be_looked_into_is_refused(town, reader, what):
    case = town.leaves(0, "accept")
    answer = upload(reader("clerk"), case, altered(ACTING[what]))
    assert answer.status_code == 422 and "PDF" in text(answer) and photos_of(town) == []


def test_a_pdf_scan_is_kept_as_bare_pages_and_only_handed_out_to_be_saved(town, reader):
    case = town.leaves(0, "accept")
    clerk = reader("clerk")
    answer = upload(clerk, case, scan(2, title="秘密", author="某人"))
    assert "照片已贴到存根" in text(answer) and photos_of(town) == [("application/pdf", None)]
    link = answer.text.partition(f"/cases/{case}/photos/")[2].partition('"')[0]
    kept = clerk.get(f"/cases/{case}/photos/{link}")
    assert (
        kept.headers["content-disposition"].startswith("attachment")
        and "sandbox" in kept.headers["content-security-policy"]
    )
    assert (
        kept.headers["x-content-type-options"] == "nosniff"
        and kept.headers["content-type"] == "application/pdf"
    )
    pdf = pypdf.PdfReader(io.BytesIO(kept.content))
    assert len(pdf.pages) == 2 and "某人" not in str(pdf.metadata) and len(pdf.pages[0].images) == 1
    assert reader("neighbour").get(f"/cases/{case}/photos/{link}").status_code == 404


def test_a_scan_is_seen_beside_the_fields_whatever_its_page_is_made_of(town, reader):
    case = town.leaves(0, "send_receipt")
    clerk = reader("clerk")
    page = upload(clerk, case, scan(1)).text
    shown = page.partition('<img class="paper" src="')[2].partition('"')[0]
    picture = clerk.get(shown)
    assert picture.headers["content-type"] == "image/jpeg" and _proportion(
        picture.content
    ) == pytest.approx(300 / 420, abs=0.01)
    assert "sandbox" in picture.headers["content-security-policy"]
    assert reader("neighbour").get(shown).status_code == 404
    town.clock.advance_to(town.clock.now() + timedelta(minutes=1))
    drawn = pypdf.PdfWriter()
    drawn.add_blank_page(100, 100)
    out = io.BytesIO()
    drawn.write(out)
    page = upload(clerk, case, out.getvalue()).text
    shown = page.partition('<img class="paper" src="')[2].partition('"')[0]
    assert _proportion(clerk.get(shown).content) == 1 and "打开扫描件" in page


def _proportion(picture: bytes) -> float:
    """Width to height."""
    seen = Image.open(io.BytesIO(picture))
    return seen.width / seen.height


@pytest.mark.parametrize("content", [photograph(True), None])
def test_a_system_files_a_scan_and_records_the_receipt_with_it(town, call, content):
    case = town.leaves(0, "send_receipt")
    scans, kept = f"/v1/cases/{case}/receipt-scans", content or scan(1, author="某人")
    told = call(UNIT, "POST", scans, content=kept)
    assert told.status_code == 201 and told.json()["seq"] is None and told.json()["by"] == UNIT, (
        told.text
    )
    one = told.json()
    assert one["type"] == ("image/jpeg" if content else "application/pdf")
    file = call(STREET, "GET", f"{scans}/{one['id']}")
    assert file.headers["content-type"] == one["type"] and "某人".encode() not in file.content
    assert b"SecretCamera" not in file.content and file.headers["content-disposition"].startswith(
        "attachment"
    )
    record = f"{scans}/{one['id']}/record"
    assert (
        call(UNIT, "POST", record, json={"number": "K001"}).json()["type"].endswith("field-missing")
    )
    assert call(STREET, "POST", record, json={"seen_state": "receipt_sent"}).status_code == 403
    done = call(
        UNIT,
        "POST",
        record,
        json={"seen_state": "receipt_sent", "number": "K001", "on": "2026-11-23"},
    )
    assert done.status_code == 200 and done.json()["state"] == "moved", done.text
    items = call(UNIT, "GET", scans).json()["items"]
    assert [line["id"] for line in items] == [one["id"]] and items[0]["seq"] == len(
        done.json()["history"]
    )
    assert call(UNIT, "POST", record, json={"seen_state": "moved"}).status_code == 409


def test_a_system_is_told_why_a_scan_is_not_kept(town, call):
    case = town.leaves(0, "send_receipt")
    scans = f"/v1/cases/{case}/receipt-scans"
    assert call(UNIT, "POST", scans, content=b"MZ").status_code == 422
    assert call(UNIT, "POST", scans, content=altered(ACTING["script"])).status_code == 422
    assert call(UNIT, "POST", scans, content=b"\xff" * ((8 << 20) + 1)).status_code == 413
    assert call(NEIGHBOUR, "POST", scans, content=photograph()).status_code == 404
    assert call(BRANCH, "POST", scans, content=photograph()).status_code == 403
    assert (
        call(NEIGHBOUR, "GET", scans).status_code == 404
        and call(UNIT, "GET", scans).json()["items"] == []
    )
    assert call(UNIT, "GET", f"{scans}/nothing").status_code == 404
    assert photos_of(town) == []


def test_the_photo_and_the_receipt_are_one_act(town, reader):
    case = town.leaves(0, "send_receipt")
    clerk = reader("clerk")
    page = clerk.get(f"/cases/{case}/papers")
    assert "贴照片并登记回执" in text(page)
    answer = upload(
        clerk,
        case,
        photograph(),
        command="record_receipt",
        number="K001",
        on="2026-11-23",
        handler="赵敏",
    )
    assert "回执已登记" in text(answer) and town.state(case) == "moved"
    with town.app.worker.connect() as tx:
        row = tx.exec_driver_sql(
            "SELECT seq, detail FROM case_event WHERE case_id = %s::uuid AND command = "
            "'record_receipt'",
            (case,),
        ).one()
    assert photos_of(town) == [("image/jpeg", row.seq)] and row.detail == {
        "number": "K001",
        "on": "2026-11-23",
        "handler": "赵敏",
    }
    assert "凭此登记了回执" in text(answer) and "回执照片" in text(clerk.get(f"/cases/{case}"))
    assert "贴照片并登记回执" not in text(clerk.get(f"/cases/{case}/papers"))


def test_no_receipt_is_recorded_from_paper_for_a_receiver_who_uses_guidui(town, reader):
    case = town.leaves(0, "issue_letter")
    clerk = reader("clerk")
    assert "贴照片并登记回执" not in text(clerk.get(f"/cases/{case}/papers"))
    assert "登记纸质回执" not in text(clerk.get(f"/cases/{case}"))


def test_what_was_refused_is_mended_beside_the_photo_that_was_kept(town, reader):
    load_rows(
        town.app.worker,
        "organisations",
        [
            {
                "code": COMMUNITY,
                "name": "中共柯桥街道管墅社区总支部委员会",
                "kind": "general_branch",
                "unit": "community",
                "parent": STREET,
                "area": "330603001008",
                "serves_area": "yes",
                "outside": "yes",
            }
        ],
        town.clock,
    )
    case = town.leaves(0, "issue_letter")
    clerk = reader("clerk")
    answer = upload(
        clerk,
        case,
        photograph(),
        command="record_paper_receipt",
        number="12",
        accepted_on="2027-01-01",
    )
    assert (
        answer.status_code == 422
        and "不能晚于" in text(answer)
        and '<img class="paper"' in answer.text
    )
    assert photos_of(town) == [("image/jpeg", None)] and town.state(case) == "letter_issued"
    done = upload(
        clerk,
        case,
        b"",
        command="record_paper_receipt",
        number="12",
        accepted_on="2026-11-23",
        handler="钱",
    )
    assert "回执已登记" in text(done) and town.state(case) == "moved" and photos_of(town)[0][1]


def test_only_the_origin_committee_records_a_receipt_with_a_photo(town, reader):
    case = town.leaves(0, "send_receipt")
    street = reader("street")
    assert "贴照片并登记回执" not in text(street.get(f"/cases/{case}/papers"))
    answer = upload(street, case, photograph(), command="record_receipt")
    assert answer.status_code == 403 and town.state(case) == "receipt_sent"
    other = town.leaves(1, "send_receipt")  # a photo of another case is no evidence of this one
    upload(reader("clerk"), other, photograph())
    with town.app.worker.connect() as tx:
        photo = tx.exec_driver_sql(
            "SELECT id FROM receipt_photo WHERE case_id = %s::uuid", (other,)
        ).scalar_one()
    answer = upload(reader("clerk"), case, b"", command="record_receipt", photo=str(photo))
    assert answer.status_code == 404 and town.state(case) == "receipt_sent"
