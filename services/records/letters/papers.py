"""What each paper says, read from the case, the register and its history; who may print it; the
note that it was printed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
from services.kit.errors import Refused, Text
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
from services.registry.directory import Directory, Organisation
from services.registry.queries import Contact, contacts
from services.registry.tree import just_after

BATCH_MAX = 10_000
OFFSET_MM_MAX = 50
_SEX = {"male": "男", "female": "女"}
_STATUS = {"full": "正式", "probationary": "预备"}
_NO_LETTER = Text(
    "这件转移现在没有有效的介绍信，不能打印。",
    "This transfer has no valid letter now, so none is printed.",
)
_NOT_YOURS = Text(
    "介绍信由开出它的党委打印。", "A letter is printed by the committee that issued it."
)
_NO_RECEIPT = Text(
    "接收以后才能打印回执。", "A receipt can be printed once the member is accepted."
)
_NOT_RECEIVER = Text(
    "回执由接收党员的党委打印。", "A receipt is printed by the committee that accepted the member."
)
_NOT_AN_END = Text(
    "回执照片由转出或接收的党委上传。",
    "The photo of a receipt is filed by the committee at either end.",
)
_NO_FOIL = Text(
    "这件转移没有开过介绍信，没有存根可贴。",
    "No letter was issued for this transfer, so there is no counterfoil.",
)
_NO_ASK = Text("没有这封沟通函。", "There is no such enquiry.")
_NOT_ASKER = Text(
    "沟通函由发函的组织打印。", "An enquiry is printed by the organisation that asks."
)
_NOTHING = Text("没有可打印的介绍信。", "There is no letter to print.")
_TOO_MANY = Text(
    f"一次至多打印 {BATCH_MAX} 份。", f"At most {BATCH_MAX} letters are printed at once."
)

_BAD_OFFSET = Text(
    "套打偏移应在 -50 到 50 毫米之间。",
    "An offset lies between -50 and 50 millimetres.",
)


class Counterfoil(NamedTuple):
    """What stays of a letter (存根): who issued it, its number, and the case."""

    organisation: str
    number: str
    case_id: str


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
    printing = _Printing("print_letter", caller.organisation, person, now, url)
    return _sheets(tx, cases, printing)


def may_print_letter(case: Case | Mapping[str, Any], caller: Caller, directory: Directory) -> bool:
    """The origin committee, who issued in its place, and those above."""
    if isinstance(case, Case):
        committee = case.origin_committee
    else:
        committee = case["parties"].get("committee")
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
    if not _is_of_either_end(case, caller, directory):
        raise Refused(403, "not-yours", _NOT_RECEIVER)
    printing = _Printing("print_receipt", caller.organisation, person, now)
    return _sheets(tx, [case], printing)[0]


def _is_of_either_end(case: Case, caller: Caller, directory: Directory) -> bool:
    """Whether the caller is the committee that sent the member or the one that received them, or
    stands above either.
    """
    ends = (case.receiving_committee, case.origin_committee)
    return any(directory.within(end, caller.organisation) for end in ends)


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
    unprinted = rows(
        tx, _UNPRINTED, {"lo": caller.path, "hi": just_after(caller.path), "limit": limit}
    )
    directory = Directory.of(tx)
    return [
        case.id
        for case in unprinted
        if directory.within(case.origin_committee, caller.organisation)
    ]


def _cases(tx: Connection, caller: Caller, ids: Sequence[str]) -> list[Case]:
    if not ids:
        raise Refused(422, "nothing-to-print", _NOTHING, field="cases")
    if len(ids) > BATCH_MAX:
        raise Refused(422, "too-many", _TOO_MANY, field="cases")
    queries.look_at_cases(tx, caller)
    wanted = _as_stored(ids)
    seen = rows(tx, _SEEN, {"ids": wanted})
    if not wanted or len(seen) < len(wanted):
        raise Refused(404, "no-such-case", queries.NO_CASE)
    with queries.as_worker(tx):
        cases = tables.load(tx, wanted)
    return [cases[case_id] for case_id in wanted]


def _as_stored(ids: Iterable[str]) -> list[str]:
    """Ids as the database writes them, each once; none of them where any is no id."""
    try:
        stored = [str(UUID(case_id)) for case_id in ids]
    except ValueError:
        return []
    return list(dict.fromkeys(stored))


_SEEN = "SELECT id FROM transfer_case WHERE id = ANY (CAST(:ids AS uuid[]))"
_UNPRINTED = """
SELECT c.id::text AS id, c.origin_committee FROM transfer_case c
WHERE c.letter_status = 'valid' AND c.state IN ('letter_issued', 'in_transit')
  AND c.origin_path ~>=~ :lo AND c.origin_path ~<~ :hi
  AND NOT EXISTS (SELECT FROM case_look l WHERE l.case_id = c.id
      AND l.purpose = 'print_letter'
      AND l.at >= (SELECT max(f.issued_at) FROM counterfoil f WHERE f.case_id = c.id))
ORDER BY c.letter_issued_on, c.letter_number LIMIT :limit"""
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


_ASKED = """
SELECT detail ->> 'text' AS text FROM case_event
WHERE case_id = CAST(:id AS uuid) AND command = 'ask' ORDER BY seq"""
_COUNTERFOIL = """
SELECT organisation, number FROM counterfoil
WHERE case_id = CAST(:id AS uuid) AND number = :number"""
_SETTINGS = """
SELECT organisation, right_mm, down_mm, address, phone, fax, postcode FROM print_setting
WHERE organisation = ANY (:codes)"""
_SET = """
INSERT INTO print_setting (organisation, path, right_mm, down_mm, address, phone, fax, postcode,
    changed_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (organisation) DO UPDATE SET
    path = excluded.path, right_mm = excluded.right_mm, down_mm = excluded.down_mm,
    address = excluded.address, phone = excluded.phone, fax = excluded.fax,
    postcode = excluded.postcode, changed_at = excluded.changed_at"""


@dataclass(frozen=True, slots=True)
class _Printing:
    """What is printed for whom: noted as a look of each case. ``url``: where the QR codes lead, if
    the paper has any.
    """

    purpose: str
    organisation: str | None
    person: str | None
    now: datetime
    url: str = ""

    def note(self, tx: Connection, case_ids: list[str]) -> None:
        """Notes the looks; ``tx`` acts as the worker."""
        tx.exec_driver_sql(
            _LOOKS, (self.organisation, self.person, self.purpose, self.now, case_ids)
        )

    def link(self, token: str | None) -> str | None:
        """Where the QR code of a counterfoil leads."""
        if not self.url or not token:
            return None
        return f"{self.url.rstrip('/')}/l/{token}"


@dataclass(frozen=True, slots=True)
class _Letterhead:
    """What a paper says of an organisation: its entry in the register, how it prints, and whom to
    reach there.
    """

    organisation: Organisation | None
    setting: Setting
    contact: Contact | None

    @property
    def name(self) -> str:
        """The organisation; empty where the register has none."""
        return self.organisation.name if self.organisation else ""

    @property
    def address(self) -> str:
        """As it prints, else as registered."""
        registered = self.organisation.address if self.organisation else None
        return self.setting.address or registered or ""

    @property
    def phone(self) -> str:
        """As it prints, else of the contact."""
        contact = self.contact.phone if self.contact else None
        return self.setting.phone or contact or ""


def _letterheads(
    tx: Connection, organisations: Iterable[str], directory: Directory, now: datetime
) -> dict[str, _Letterhead]:
    """The letterhead of each organisation; ``tx`` acts as the worker."""
    codes = set(organisations)
    settings = settings_of(tx, codes)
    contacts_of = contacts(tx, codes, day_of(now))
    letterheads: dict[str, _Letterhead] = {}
    for code in codes:
        people = contacts_of.get(code)
        letterheads[code] = _Letterhead(
            directory.get(code),
            settings.get(code, Setting()),
            people[0] if people else None,
        )
    return letterheads


def _sheets(tx: Connection, cases: Sequence[Case], printing: _Printing) -> list[Sheet]:
    ids = [case.id for case in cases]
    committees = {case.origin_committee for case in cases if case.origin_committee}
    directory = Directory.of(tx)
    with queries.as_worker(tx):
        persons = {row.id: row for row in rows(tx, _PERSONS, {"ids": ids})}
        letterheads = _letterheads(tx, committees, directory, printing.now)
        printing.note(tx, ids)
    without = _Letterhead(None, Setting(), None)
    sheets: list[Sheet] = []
    for case in cases:
        person = persons[case.id]
        committee = letterheads.get(case.origin_committee or "", without)
        values = {
            **_of_person(person, case),
            **_of_case(case, directory),
            **_of_committee(committee),
            **_of_receipt(person["sent"] or {}, case),
        }
        chosen = {"sex": _SEX.get(person["sex"]), "status": _STATUS.get(person["status"])}
        sheets.append(Sheet(values, chosen, printing.link(person["token"])))
    return sheets


def _of_case(case: Case, directory: Directory) -> dict[str, str]:
    """What a letter says of the transfer."""
    return {
        "number": case.letter_number or "",
        "from": _named(case.origin, directory),
        "to": _named(case.destination, directory),
        "date": day_words(case.letter_issued_on),
        "header": _named(case.header, directory),
        "validity": validity_words(case.letter_issued_on, case.letter_expires_on),
    }


def _named(code: str | None, directory: Directory) -> str:
    organisation = directory.get(code)
    return organisation.name if organisation else ""


def _of_person(person: Mapping[str, Any], case: Case) -> dict[str, str]:
    """What a letter says of the member."""
    issued = case.letter_issued_on or case.accepted_on or date.min
    birth = stored_day(person["birth_date"]) if person["birth_date"] else None
    return {
        "name": person["name"] or "",
        "age": age_on(birth, issued),
        "ethnicity": ethnicity_words(person["ethnicity"]),
        "id_number": person["id_number"] or "",
        "member_phone": person["phone"] or "",
        **dues_words(person["dues"]),
    }


def _of_committee(letterhead: _Letterhead) -> dict[str, str]:
    """What a letter says of the committee that issued it."""
    return {
        "committee": letterhead.name,
        "address": letterhead.address,
        "phone": letterhead.phone,
        "fax": letterhead.setting.fax or "",
        "postcode": letterhead.setting.postcode or "",
    }


def _of_receipt(sent: Mapping[str, Any], case: Case) -> dict[str, str]:
    """What a receipt says of whoever sent it."""
    return {
        "handler": sent.get("handler", ""),
        "handler_phone": sent.get("phone", ""),
        "receipt_date": day_words(case.receipt_sent_on),
    }


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
    asked = case.asks[place - 1]
    asker = asked["by"]
    directory = Directory.of(tx)
    if not directory.within(asker, caller.organisation):
        raise Refused(403, "not-yours", _NOT_ASKER)
    with queries.as_worker(tx):
        texts = rows(tx, _ASKED, {"id": case.id})
        name = rows(tx, _PERSONS, {"ids": [case.id]})[0].name
        letterhead = _letterheads(tx, {asker}, directory, now)[asker]
        _Printing("print_enquiry", caller.organisation, person, now).note(tx, [case.id])
    contact = letterhead.contact.name if letterhead.contact else None
    return {
        "to": _named(asked["to"], directory) or asked["to"],
        "name": name or "",
        "text": texts[place - 1].text or "",
        "due": day_words(stored_day(str(asked["due_on"])[:10])),
        "from": letterhead.name or asker,
        "contact": contact or "",
        "date": day_words(stored_moment(asked["at"]).date()),
        "phone": letterhead.phone,
        "address": letterhead.address,
    }


def counterfoil_of(tx: Connection, caller: Caller, case_id: str) -> Counterfoil:
    """The counterfoil of the letter of a case, for either committee of it to file a receipt with.

    404 no part in the case, 403 another organisation, 409 no letter. ``tx`` looks; see
    ``file_photo``.
    """
    case = _cases(tx, caller, [case_id])[0]
    if not _is_of_either_end(case, caller, Directory.of(tx)):
        raise Refused(403, "not-yours", _NOT_AN_END)
    with queries.as_worker(tx):
        kept = rows(tx, _COUNTERFOIL, {"id": case.id, "number": case.letter_number})
    if not kept:
        raise Refused(409, "no-letter", _NO_FOIL)
    return Counterfoil(kept[0].organisation, kept[0].number, case.id)


def settings_of(tx: Connection, organisations: Iterable[str]) -> dict[str, Setting]:
    """Organisation -> how it prints, for those who said it."""
    settings: dict[str, Setting] = {}
    for row in rows(tx, _SETTINGS, {"codes": sorted(organisations)}):
        settings[row.organisation] = Setting(
            row.right_mm, row.down_mm, row.address, row.phone, row.fax, row.postcode
        )
    return settings


def set_printing(tx: Connection, organisation: str, setting: Setting, now: datetime) -> None:
    """Keeps how an organisation prints. ``tx`` acts as the worker."""
    offsets = (setting.right_mm, setting.down_mm)
    if not all(-OFFSET_MM_MAX <= offset <= OFFSET_MM_MAX for offset in offsets):
        raise Refused(422, "bad-offset", _BAD_OFFSET, field="right_mm")
    path = Directory.of(tx).path(organisation)
    tx.exec_driver_sql(_SET, (organisation, path, *setting, now))
