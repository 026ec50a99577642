"""What each paper says, read from the case, the register and its history; who may print it; the
note that it was printed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from schemas.days import stored_day, stored_moment
from services.cases.deadlines.calendar import day_of
from services.cases.model.case import Case
from services.cases.store import tables
from services.cases.views import queries
from services.kit.db.engine import rows
from services.kit.errors import Refused, Words
from services.records.letters.fonts import Fonts
from services.records.letters.form import (
    Sheet,
    age_on,
    day_words,
    dues_words,
    ethnicity_words,
    validity_words,
)
from services.registry.access import Caller
from services.registry.directory import Directory
from services.registry.queries import Contact, contacts

BATCH_MAX = 10_000
_SEX = {"male": "男", "female": "女"}
_STATUS = {"full": "正式", "probationary": "预备"}
_NO_LETTER = Words(
    "这件转移现在没有有效的介绍信，不能打印。",
    "This transfer has no valid letter now, so none is printed.",
)
_NOT_YOURS = Words(
    "介绍信由开出它的党委打印。", "A letter is printed by the committee that issued it."
)
_NO_RECEIPT = Words(
    "接收以后才能打印回执。", "A receipt can be printed once the member is accepted."
)
_NOT_RECEIVER = Words(
    "回执由接收党员的党委打印。", "A receipt is printed by the committee that accepted the member."
)
_NOT_AN_END = Words(
    "回执照片由转出或接收的党委上传。",
    "The photo of a receipt is filed by the committee at either end.",
)
_NO_FOIL = Words(
    "这件转移没有开过介绍信，没有存根可贴。",
    "No letter was issued for this transfer, so there is no counterfoil.",
)
_NO_ASK = Words("没有这封沟通函。", "There is no such enquiry.")
_NOT_ASKER = Words(
    "沟通函由发函的组织打印。", "An enquiry is printed by the organisation that asks."
)
_NOTHING = Words("没有可打印的介绍信。", "There is no letter to print.")
_TOO_MANY = Words(
    f"一次至多打印 {BATCH_MAX} 份。", f"At most {BATCH_MAX} letters are printed at once."
)


class Setting(NamedTuple):
    """How an organisation prints: over-printing moved by mm, and what the letter says of its
    committee.
    """

    right_mm: float = 0.0
    down_mm: float = 0.0
    address: str | None = None
    phone: str | None = None
    fax: str | None = None
    postcode: str | None = None


def letters(
    tx: Connection,
    caller: Caller,
    ids: Sequence[str],
    now: datetime,
    url: str,
    person: str | None,
) -> list[Sheet]:
    """The sheets of the valid letters of these cases, in this order; each is noted as a look of its
    case.

    404 a case the caller has no part in, 403 another committee's letter, 409 no valid letter.
    """
    cases = _cases(tx, caller, ids)
    directory = Directory.of(tx)
    for case in cases:
        if case.letter_status != "valid":
            raise Refused(
                409, "no-valid-letter", _NO_LETTER, case=case.id, letter_status=case.letter_status
            )
        if not may_print_letter(case, caller, directory):
            raise Refused(403, "not-yours", _NOT_YOURS, case=case.id)
    return _sheets(tx, caller, cases, now, url, person, "print_letter")


def may_print_letter(case: Case | Mapping[str, Any], caller: Caller, directory: Directory) -> bool:
    """The origin committee, who issued in its place, and those above."""
    committee = (
        case.origin_committee if isinstance(case, Case) else case["parties"].get("committee")
    )
    return directory.within(committee, caller.organisation)


def receipt(
    tx: Connection, caller: Caller, case_id: str, now: datetime, person: str | None
) -> Sheet:
    """The receipt of an accepted case, filled as far as it was sent; 409 before acceptance, 403 for
    others than the receiving committee, the origin committee and those above.
    """
    case = _cases(tx, caller, [case_id])[0]
    directory = Directory.of(tx)
    if case.accepted_on is None or not case.letter_number:
        raise Refused(409, "not-accepted", _NO_RECEIPT, state=case.state)
    ends = (case.receiving_committee, case.origin_committee)
    if not any(directory.within(end, caller.organisation) for end in ends):
        raise Refused(403, "not-yours", _NOT_RECEIVER)
    return _sheets(tx, caller, [case], now, "", person, "print_receipt")[0]


def check(sheets: Iterable[Sheet], fonts: Fonts) -> None:
    """Raises Refused where a character of these sheets cannot be drawn: before anything is noted as
    printed.
    """
    fonts.check((sheet.whose, value) for sheet in sheets for value in sheet.values.values())


def printable(tx: Connection, caller: Caller, limit: int = BATCH_MAX) -> list[str]:
    """The cases whose valid letter is the caller's to print and was not printed yet, oldest letter
    first.
    """
    queries.look_at_cases(tx, caller)
    open_cases = rows(
        tx,
        """
        SELECT c.id::text AS id, c.origin_committee FROM transfer_case c
        WHERE c.letter_status = 'valid' AND c.state IN ('letter_issued', 'in_transit')
          AND c.origin_path ~>=~ :lo AND c.origin_path ~<~ :hi
          AND NOT EXISTS (SELECT FROM case_look l WHERE l.case_id = c.id
              AND l.purpose = 'print_letter'
              AND l.at >= (SELECT max(f.issued_at) FROM counterfoil f WHERE f.case_id = c.id))
        ORDER BY c.letter_issued_on, c.letter_number LIMIT :limit""",
        {"lo": caller.path, "hi": caller.path[:-1] + "/", "limit": limit},
    )
    directory = Directory.of(tx)
    return [r.id for r in open_cases if directory.within(r.origin_committee, caller.organisation)]


def _cases(tx: Connection, caller: Caller, ids: Sequence[str]) -> list[Case]:
    if not ids:
        raise Refused(422, "nothing-to-print", _NOTHING, field="cases")
    if len(ids) > BATCH_MAX:
        raise Refused(422, "too-many", _TOO_MANY, field="cases")
    queries.look_at_cases(tx, caller)
    try:
        wanted = list(dict.fromkeys(str(UUID(case_id)) for case_id in ids))
    except ValueError:
        wanted = []
    seen = {
        str(r.id)
        for r in rows(
            tx,
            "SELECT id FROM transfer_case WHERE id = ANY (CAST(:ids AS uuid[]))",
            {"ids": wanted},
        )
    }
    if not wanted or len(seen) < len(wanted):
        raise Refused(
            404,
            "no-such-case",
            queries.NO_CASE,
        )
    with queries.as_worker(tx):
        cases = tables.load(tx, wanted)
    return [cases[case_id] for case_id in wanted]


_PERSONS = """
SELECT c.id::text AS id, coalesce(m.name, p.name) AS name, coalesce(m.sex, p.sex) AS sex,
    m.ethnicity,
    coalesce(m.birth_date::text, p.birth_date) AS birth_date, m.id_number,
        coalesce(m.phone, p.phone) AS phone, m.status,
    coalesce((SELECT e.detail ->> 'dues_paid_to' FROM case_event e WHERE e.case_id = c.id
                AND e.command IN ('submit', 'open_backlog')
                    AND e.detail ->> 'dues_paid_to' IS NOT NULL
              ORDER BY e.seq DESC LIMIT 1), m.dues_paid_to) AS dues,
    (SELECT e.detail FROM case_event e WHERE e.case_id = c.id AND e.command = 'send_receipt'
     ORDER BY e.seq DESC LIMIT 1) AS sent, f.token
FROM transfer_case c LEFT JOIN member m ON m.member = c.member LEFT JOIN case_person p
    ON p.case_id = c.id
LEFT JOIN counterfoil f ON f.case_id = c.id AND f.number = c.letter_number
WHERE c.id = ANY (CAST(:ids AS uuid[]))"""
_LOOKS = """
INSERT INTO case_look (id, case_id, member, organisation, person, purpose, at)
SELECT gen_random_uuid(), id, member, %s, %s, %s, %s
FROM transfer_case
WHERE id = ANY (%s::uuid[])"""


def _sheets(  # noqa: PLR0913
    tx: Connection,
    caller: Caller,
    cases: Sequence[Case],
    now: datetime,
    url: str,
    person: str | None,
    purpose: str,
) -> list[Sheet]:
    ids = [case.id for case in cases]
    with queries.as_worker(tx):
        persons = {r.id: r for r in rows(tx, _PERSONS, {"ids": ids})}
        committees = {case.origin_committee for case in cases if case.origin_committee}
        settings = settings_of(tx, committees)
        reached = _first(tx, committees, now)
        tx.exec_driver_sql(_LOOKS, (caller.organisation, person, purpose, now, ids))
    directory = Directory.of(tx)
    return [_sheet(case, persons[case.id], directory, settings, reached, url) for case in cases]


def _first(tx: Connection, organisations: Iterable[str], now: datetime) -> dict[str, Contact]:
    """The best contact of each organisation."""
    return {
        code: people[0] for code, people in contacts(tx, set(organisations), day_of(now)).items()
    }


def _sheet(
    case: Case,
    row: Mapping[str, Any],
    directory: Directory,
    settings: Mapping[str, Setting],
    reached: Mapping[str, Contact],
    url: str,
) -> Sheet:
    def named(code: str | None) -> str:
        organisation = directory.get(code)
        return organisation.name if organisation else ""

    issued = case.letter_issued_on or case.accepted_on or date.min
    committee = directory.get(case.origin_committee)
    setting, contact = (
        settings.get(case.origin_committee or "", Setting()),
        reached.get(case.origin_committee or ""),
    )
    sent = row["sent"] or {}
    birth = stored_day(row["birth_date"]) if row["birth_date"] else None
    values = {
        "number": case.letter_number or "",
        "name": row["name"] or "",
        "from": named(case.origin),
        "to": named(case.destination),
        "date": day_words(case.letter_issued_on),
        "header": named(case.header),
        "age": age_on(birth, issued),
        "ethnicity": ethnicity_words(row["ethnicity"]),
        "id_number": row["id_number"] or "",
        **dues_words(row["dues"]),
        "validity": validity_words(case.letter_issued_on, case.letter_expires_on),
        "member_phone": row["phone"] or "",
        "committee": named(case.origin_committee),
        "address": setting.address or (committee.address if committee else None) or "",
        "phone": setting.phone or (contact.phone if contact else None) or "",
        "fax": setting.fax or "",
        "postcode": setting.postcode or "",
        "handler": sent.get("handler", ""),
        "handler_phone": sent.get("phone", ""),
        "receipt_date": day_words(case.receipt_sent_on),
    }
    chosen = {"sex": _SEX.get(row["sex"]), "status": _STATUS.get(row["status"])}
    return Sheet(
        values, chosen, f"{url.rstrip('/')}/l/{row['token']}" if url and row["token"] else None
    )


def enquiry(
    tx: Connection,
    caller: Caller,
    case_id: str,
    place: int,
    now: datetime,
    person: str | None,
) -> dict[str, str]:
    """What the letter of enquiry number ``place`` (from 1, in the order asked) of a case says;
    noted as a look.
    """
    case = _cases(tx, caller, [case_id])[0]
    if not 1 <= place <= len(case.asks):
        raise Refused(404, "no-such-ask", _NO_ASK)
    asked, directory = case.asks[place - 1], Directory.of(tx)
    if not directory.within(asked["by"], caller.organisation):
        raise Refused(403, "not-yours", _NOT_ASKER)
    with queries.as_worker(tx):
        texts = rows(
            tx,
            """SELECT detail ->> 'text' AS text FROM case_event WHERE case_id = CAST(:id AS uuid)
                            AND command = 'ask' ORDER BY seq""",
            {"id": case.id},
        )
        name = rows(tx, _PERSONS, {"ids": [case.id]})[0].name
        contact = _first(tx, {asked["by"]}, now).get(asked["by"])
        setting = settings_of(tx, {asked["by"]}).get(asked["by"], Setting())
        tx.exec_driver_sql(_LOOKS, (caller.organisation, person, "print_enquiry", now, [case.id]))
    by, to = directory.get(asked["by"]), directory.get(asked["to"])
    return {
        "to": to.name if to else asked["to"],
        "name": name or "",
        "text": texts[place - 1].text or "",
        "due": day_words(stored_day(str(asked["due_on"])[:10])),
        "from": by.name if by else asked["by"],
        "contact": (contact.name if contact else "") or "",
        "date": day_words(stored_moment(asked["at"]).date()),
        "phone": setting.phone or (contact.phone if contact else "") or "",
        "address": setting.address or (by.address if by else "") or "",
    }


def counterfoil_of(tx: Connection, caller: Caller, case_id: str) -> tuple[str, str]:
    """(organisation, number) of the letter of a case, for either committee of it to file a receipt
    with.

    404 no part in the case, 403 another organisation, 409 no letter. ``tx`` looks; see
    ``file_photo``.
    """
    case, directory = _cases(tx, caller, [case_id])[0], Directory.of(tx)
    ends = (case.origin_committee, case.receiving_committee)
    if not any(directory.within(end, caller.organisation) for end in ends):
        raise Refused(403, "not-yours", _NOT_AN_END)
    with queries.as_worker(tx):
        rows_of_numbers = rows(
            tx,
            "SELECT organisation, number FROM counterfoil WHERE case_id = CAST(:id AS uuid) "
            "AND number = :number",
            {"id": case.id, "number": case.letter_number},
        )
    if not rows_of_numbers:
        raise Refused(409, "no-letter", _NO_FOIL)
    return rows_of_numbers[0].organisation, rows_of_numbers[0].number


def settings_of(tx: Connection, organisations: Iterable[str]) -> dict[str, Setting]:
    """Organisation -> how it prints, for those who said it."""
    return {
        r.organisation: Setting(r.right_mm, r.down_mm, r.address, r.phone, r.fax, r.postcode)
        for r in rows(
            tx,
            "SELECT organisation, right_mm, down_mm, address, phone, fax, postcode FROM "
            "print_setting "
            "WHERE organisation = ANY (:codes)",
            {"codes": sorted(organisations)},
        )
    }


def set_printing(tx: Connection, organisation: str, setting: Setting, now: datetime) -> None:
    """Keeps how an organisation prints. ``tx`` acts as the worker."""
    if not -50 <= setting.right_mm <= 50 or not -50 <= setting.down_mm <= 50:
        raise Refused(
            422,
            "bad-offset",
            Words(
                "套打偏移应在 -50 到 50 毫米之间。",
                "An offset lies between -50 and 50 millimetres.",
            ),
            field="right_mm",
        )
    tx.exec_driver_sql(
        """INSERT INTO print_setting (organisation, path, right_mm, down_mm, address, phone, fax,
            postcode, changed_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (organisation) DO UPDATE SET
            path = excluded.path, right_mm = excluded.right_mm, down_mm = excluded.down_mm,
            address = excluded.address, phone = excluded.phone, fax = excluded.fax,
            postcode = excluded.postcode, changed_at = excluded.changed_at""",
        (organisation, Directory.of(tx).path(organisation), *setting, now),
    )
