"""Numbers of letters: ranges of an organisation, the register of counterfoils, and which number the
next letter gets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from secrets import choice
from typing import Any

from sqlalchemy import Connection

from services.cases.commands.arguments import refuse
from services.cases.deadlines import tasks as deadlines
from services.cases.model.case import Case, DecisionContext
from services.cases.store.tables import Change
from services.kit.db.engine import dumps, rows
from services.registry.directory import Directory, Organisation

RANGE_MAX = 100_000
PREFIX_MAX = 40
REASON_MAX = 200
STATUSES = ("free", "valid", "expired", "used", "void")
_TOKEN_LETTERS = (
    "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # none that is mistaken for another when read aloud
)
_TOKEN_LENGTH = 16  # 80 bits: cannot be guessed


def new_token() -> str:
    """What a letter's QR code says: chance, and nothing of anybody."""
    return "".join(choice(_TOKEN_LETTERS) for _ in range(_TOKEN_LENGTH))


def numbered(tx: Connection, changes: Sequence[Change], context: DecisionContext) -> list[Change]:
    """The changes, each new letter with the next free number of who issues it.

    Where the organisation has no number left, the letter keeps the one made up from year and case.
    Both stand in the register afterwards; with the transaction undone, the numbers are free again.
    ``tx`` acts as the worker.
    """
    new = [change for change in changes if _has_new_letter(change)]
    if not new:
        return list(changes)
    wanted = []
    for change in new:
        issuer = deadlines.issuer(change.after, context) or change.steps[-1].by or ""
        wanted.append(
            {
                "organisation": issuer,
                "path": _path(context.directory, issuer),
                "case": change.after.id,
                "fallback": change.after.letter_number,
                "token": new_token(),
            }
        )
    taken = {
        str(row.case_id): row.number
        for row in tx.exec_driver_sql(
            "SELECT case_id, number FROM take_numbers(%s, %s)", (dumps(wanted), context.now)
        )
    }
    numbered_changes = []
    for change in changes:
        number = taken.get(change.after.id)
        if number is not None:
            change = replace(change, after=change.after.replace(letter_number=number))
        numbered_changes.append(change)
    return numbered_changes


def _has_new_letter(change: Change) -> bool:
    return change.before is not None and change.after.letters > change.before.letters


def keep(tx: Connection, cases: Sequence[Case], context: DecisionContext) -> None:
    """Puts the numbers of letters that were issued before into the register."""
    lines = [
        {
            "organisation": case.origin_committee or case.origin,
            "number": case.letter_number,
            "case": case.id,
            "path": _path(context.directory, case.origin_committee or case.origin or ""),
            "token": new_token(),
            "at": case.opened_at,
        }
        for case in cases
        if case.letter_number
    ]
    if lines:
        tx.exec_driver_sql(
            """
            INSERT INTO counterfoil (organisation, path, number, status, case_id, token, issued_at)
            SELECT organisation, path, number, 'issued', "case", token, at
            FROM json_to_recordset(%s::json) x(organisation text, path text, number text,
                "case" uuid, token text,
                at timestamptz)
            ON CONFLICT (organisation, number) DO UPDATE SET status = 'issued',
                case_id = excluded.case_id,
                token = excluded.token, issued_at = excluded.issued_at
                    WHERE counterfoil.status = 'free'""",
            (dumps(lines),),
        )


def _path(directory: Directory, code: str) -> str:
    holder = directory.get(code)
    return holder.path if holder else f"{code}."


# a number that a letter of the past carries keeps its letter and joins the range
_FREE = """
INSERT INTO counterfoil (organisation, path, number, range, position, status)
SELECT %s, %s, %s || lpad(n::text, %s, '0'), %s, n, 'free'
    FROM generate_series(%s::bigint, %s::bigint) n
ON CONFLICT (organisation, number) DO UPDATE SET range = excluded.range,
    position = excluded.position
    WHERE counterfoil.range IS NULL"""


@dataclass(frozen=True, slots=True)
class NumberRange:
    """The numbers ``prefix`` + ``first`` … ``last``, ``digits`` wide."""

    prefix: str
    first: int
    last: int
    digits: int = 6


def assign_range(
    tx: Connection,
    organisation: str,
    given: NumberRange,
    now: datetime,
    *,
    by: str | None = None,
    person: str | None = None,
) -> int:
    """Gives an organisation a range of numbers; returns how many.

    422 for a range that is none or too large, or an organisation that issues no letters; 409 where
    one of the numbers is in the register already: nothing is assigned then. ``tx`` acts as the
    worker.
    """
    holder = _letter_issuer(tx, organisation)
    prefix, first, last, digits = given.prefix.strip(), given.first, given.last, given.digits
    _refuse_bad_range(prefix, given)
    with tx.begin_nested() as attempt:
        ident = tx.exec_driver_sql(
            """INSERT INTO number_range (organisation, path, prefix, digits, first, last, made_at,
                by_organisation, by_person)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
            RETURNING id""",
            (organisation, holder.path, prefix, digits, first, last, now, by, person),
        ).scalar_one()
        made = tx.exec_driver_sql(
            _FREE, (organisation, holder.path, prefix, digits, ident, first, last)
        ).rowcount
        if made == last - first + 1:
            return made
        attempt.rollback()
    raise refuse(
        409,
        "numbers-known",
        "这一号段里有的号已属别的号段，没有发放；请查存根登记后改填起止号。",
        "Some of these numbers belong to another range already, so none was assigned; look at the "
        "register "
        "and choose others.",
        field="first",
    )


def _letter_issuer(tx: Connection, organisation: str) -> Organisation:
    """The organisation to which numbers are assigned; refused where it issues no letters."""
    holder = Directory.of(tx).get(organisation)
    if holder is None:
        raise refuse(
            422,
            "unknown-organisation",
            f"没有代码为 {organisation} 的组织。",
            f"No organisation has the code {organisation}.",
            field="organisation",
        )
    if not holder.authority and holder.kind != "basic_committee":
        raise refuse(
            422,
            "issues-no-letters",
            f"{holder.name}不开具介绍信，号段应发给有开信权限的党委。",
            f"{holder.name} issues no letters; assign the range to the committee that does.",
            field="organisation",
        )
    return holder


def _refuse_bad_range(prefix: str, given: NumberRange) -> None:
    first, last, digits = given.first, given.last, given.digits
    if len(prefix) > PREFIX_MAX or not prefix.isprintable() or not 1 <= digits <= 12:
        raise refuse(
            422,
            "bad-range",
            f"字头至多 {PREFIX_MAX} 字，位数 1 至 12。",
            f"A prefix has at most {PREFIX_MAX} characters, a number 1 to 12 digits.",
            field="prefix",
        )
    if first < 0 or last < first or last - first >= RANGE_MAX or last >= 10**digits:
        raise refuse(
            422,
            "bad-range",
            f"号段应当从小到大，一次至多 {RANGE_MAX} 个号，且不超过 {digits} 位。",
            f"A range runs upwards, holds at most {RANGE_MAX} numbers and has at most {digits} "
            f"digits.",
            field="last",
        )


def void_number(
    tx: Connection, organisation: str, number: str, reason: str, now: datetime, person: str | None
) -> None:
    """Makes a free number void, such as that of a spoilt form. ``tx`` acts as the worker.

    404 no such number, 409 it is given to a letter (which the case's own acts make void) or void
    already.
    """
    reason = reason.strip()
    if not reason or len(reason) > REASON_MAX:
        raise refuse(
            422,
            "field-missing",
            f"请写明作废原因，至多 {REASON_MAX} 字。",
            f"Say why it is void, in at most {REASON_MAX} characters.",
            field="reason",
        )
    done = tx.exec_driver_sql(
        """UPDATE counterfoil SET status = 'void', void_reason = %s, voided_at = %s, voided_by = %s
           WHERE organisation = %s AND number = %s AND status = 'free'""",
        (reason, now, person, organisation, number),
    )
    if done.rowcount:
        return
    known = tx.exec_driver_sql(
        "SELECT status FROM counterfoil WHERE organisation = %s AND number = %s",
        (organisation, number),
    ).scalar_one_or_none()
    if known is None:
        raise refuse(
            404,
            "no-such-number",
            f"存根登记里没有第 {number} 号。",
            f"The register has no number {number}.",
        )
    raise refuse(
        409,
        "number-not-free",
        f"第 {number} 号已作废。"
        if known == "void"
        else f"第 {number} 号已开给一件转移，要作废请在那件转移里登记遗失、补开或撤销。",
        f"Number {number} is void already."
        if known == "void"
        else f"Number {number} belongs to a transfer: report its letter lost, issue another, or "
        f"cancel there.",
        number_status=known,
    )


_STATUS = """CASE WHEN f.status <> 'issued' THEN f.status
    WHEN c.letter_number IS DISTINCT FROM f.number THEN 'void'
    ELSE coalesce(c.letter_status, 'valid') END"""
_REGISTER = f"""
SELECT * FROM (
    SELECT f.organisation, f.number, f.range, f.position, {_STATUS} AS status, f.case_id,
        f.issued_at,
           coalesce(f.void_reason, CASE WHEN f.status = 'issued' AND c.letter_number IS DISTINCT
               FROM f.number
               THEN 'replaced' WHEN f.status = 'issued' AND c.letter_status = 'void'
                   THEN c.state END) AS void_reason,
           p.name, c.destination, c.letter_expires_on, c.accepted_on, c.receipt_due_on,
           CASE WHEN c.letter_number = f.number THEN c.receipt_sent_on END AS receipt_sent_on,
           CASE WHEN c.letter_number = f.number
               THEN c.receipt_recorded_on END AS receipt_recorded_on,
           EXISTS (SELECT FROM receipt_photo r WHERE r.organisation = f.organisation
               AND r.number = f.number) AS photo
    FROM counterfoil f LEFT JOIN transfer_case c ON c.id = f.case_id LEFT JOIN case_person p
        ON p.case_id = f.case_id
    WHERE f.path ~>=~ :lo AND f.path ~<~ :hi) x
WHERE (CAST(:status AS text) IS NULL OR status = :status
    OR (:status = 'given' AND status <> 'free'))
  AND (CAST(:find AS text) IS NULL OR number LIKE '%' || :find || '%' OR name = :find)
  AND (NOT :no_receipt OR (status = 'used' AND receipt_recorded_on IS NULL))"""


def register(  # noqa: PLR0913
    tx: Connection,
    under: str,
    *,
    status: str | None = None,
    find: str | None = None,
    no_receipt: bool = False,
    limit: int = 50,
    offset: int = 0,
) -> Sequence[Mapping[str, Any]]:
    """The counterfoils of an organisation and of those below it, newest letter first, then free
    numbers in order.

    ``status`` is one of STATUSES, or ``given``: all but the free ones; ``find`` a part of a number
    or a whole name; ``no_receipt``: accepted, and no receipt came. Only what ``tx`` may see.
    """
    return rows(
        tx,
        _REGISTER
        + " ORDER BY issued_at DESC NULLS LAST, range, position, number LIMIT :limit OFFSET "
        ":offset",
        _chosen(tx, under, status, find, no_receipt) | {"limit": limit, "offset": offset},
    )


def register_counts(tx: Connection, under: str) -> dict[str, int]:
    """How many counterfoils have each status, and ``no_receipt``."""
    number_rows = rows(
        tx,
        f"""SELECT status, count(*) AS n,
        count(*) FILTER (WHERE status = 'used' AND receipt_recorded_on IS NULL) AS open
            FROM ({_REGISTER}) y GROUP BY 1""",
        _chosen(tx, under, None, None, False),
    )
    return (
        dict.fromkeys(STATUSES, 0)
        | {r.status: r.n for r in number_rows}
        | {"no_receipt": sum(r.open for r in number_rows)}
    )


def _chosen(
    tx: Connection, under: str, status: str | None, find: str | None, no_receipt: bool
) -> dict[str, Any]:
    path = Directory.of(tx).path(under)
    find = (find or "").strip().replace("\\", "\\\\").replace("%", "\\%").replace(
        "_", "\\_"
    ) or None
    return {
        "lo": path,
        "hi": path[:-1] + "/",
        "status": status,
        "find": find,
        "no_receipt": no_receipt,
    }


def ranges(
    tx: Connection, under: str, limit: int = 200, offset: int = 0
) -> Sequence[Mapping[str, Any]]:
    """The ranges of an organisation and of those below it, newest first, with how many numbers are
    ``free``.
    """
    path = Directory.of(tx).path(under)
    return rows(
        tx,
        """SELECT r.id, r.organisation, r.prefix, r.digits, r.first, r.last, r.made_at, r.by_person,
        (SELECT count(*) FROM counterfoil f WHERE f.range = r.id AND f.status = 'free') AS free
        FROM number_range r WHERE r.path ~>=~ :lo AND r.path ~<~ :hi ORDER BY r.id DESC
        LIMIT :limit OFFSET :offset""",
        {"lo": path, "hi": path[:-1] + "/", "limit": limit, "offset": offset},
    )


def case_of_token(tx: Connection, token: str) -> str | None:
    """The case whose letter carries this token. Whether the asker may see the case is another
    question.
    """
    taken_numbers = tx.exec_driver_sql(
        "SELECT case_id::text FROM counterfoil WHERE token = %s", (token.strip().upper(),)
    )
    return taken_numbers.scalar_one_or_none()
