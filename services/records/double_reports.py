"""双报到 (row B5): members who belong to a unit register where they live, claim posts, serve, and a
card goes to the unit.

The affiliation stays with the unit; nothing here touches it. ``tx`` acts as the worker where a
function writes; whoever calls has settled that the organisation acts for itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine

from services.cases.commands.arguments import bounded, refuse
from services.cases.deadlines.calendar import day_of, midnight
from services.kit.db.engine import dumps, rows
from services.kit.errors import Refused
from services.kit.loops import Part
from services.registry.directory import Directory

CARDS = Part("records", "cards")
PLACES_MAX = 500
WORDS_MAX = 500
MINUTES_MAX = 24 * 60
TITLE_LETTERS_MAX = 100
_EXPECTED = """
SELECT DISTINCT c.id::text AS id, p.name, c.origin, c.member FROM task t
JOIN transfer_case c ON c.id = t.case_id LEFT JOIN case_person p ON p.case_id = c.id
WHERE t.kind = 'double_report' AND t.closed_at IS NULL AND t.organisation = :own
    AND c.member IS NOT NULL
ORDER BY p.name, id LIMIT :limit OFFSET :offset"""
_REGISTER = """
INSERT INTO double_report (id, member, case_id, name, organisation, path, unit, registered_at,
    by_person)
VALUES (%s, %s, %s::uuid, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"""
_REGISTERED = """
SELECT id FROM double_report WHERE member = %s AND organisation = %s AND ended_at IS NULL"""
_TASK_DONE = """
UPDATE task SET closed_at = %s
WHERE case_id = %s::uuid AND kind = 'double_report' AND organisation = %s AND closed_at IS NULL"""
_OPEN_POST = """
INSERT INTO community_post (id, organisation, path, title, places, opened_at)
VALUES (%s, %s, %s, %s, %s, %s)"""
_TAKEN = """
SELECT p.places, (SELECT count(*) FROM post_claim c
                  WHERE c.post = p.id AND c.ended_at IS NULL AND c.report <> %s) AS taken
FROM community_post p WHERE p.id = %s"""
_CLAIM = """
INSERT INTO post_claim (id, post, report, claimed_at)
VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"""
_CLAIMED = "SELECT id FROM post_claim WHERE post = %s AND report = %s AND ended_at IS NULL"
_HELD = """
SELECT c.report, c.claimed_at, c.ended_at FROM post_claim c
JOIN double_report d ON d.id = c.report
WHERE c.id = %s AND d.organisation = %s"""
_SERVE = """
INSERT INTO community_service (id, claim, report, "on", minutes, words, by_person, at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"""
_REPORTS = """
SELECT d.id::text AS id, d.name, d.member, d.organisation, d.unit, d.registered_at, d.ended_at,
       (SELECT coalesce(sum(v.minutes), 0) FROM community_service v
           WHERE v.report = d.id) AS minutes
FROM double_report d WHERE d.{side} = :own ORDER BY d.ended_at NULLS FIRST, d.registered_at DESC,
    d.id
LIMIT :limit OFFSET :offset"""
_POSTS = """
SELECT p.id::text AS id, p.title, p.places,
    (SELECT count(*) FROM post_claim c WHERE c.post = p.id AND c.ended_at IS NULL) AS taken
FROM community_post p WHERE p.organisation = :own AND p.closed_at IS NULL
ORDER BY p.title, p.id LIMIT :limit OFFSET :offset"""
_CLAIMS = """
SELECT c.id::text AS id, c.report::text AS report, d.name, p.title FROM post_claim c
JOIN double_report d ON d.id = c.report JOIN community_post p ON p.id = c.post
WHERE d.organisation = :own AND c.ended_at IS NULL
ORDER BY d.name, p.title, c.id LIMIT :limit OFFSET :offset"""
_LINES = """
SELECT v.report, p.title, sum(v.minutes)::int AS minutes FROM community_service v
JOIN post_claim c ON c.id = v.claim JOIN community_post p ON p.id = c.post
WHERE v."on" >= :first AND v."on" < :after GROUP BY 1, 2 ORDER BY 1, 2"""
_CARDS_DUE = f"""
SELECT d.id, d.organisation FROM double_report d
WHERE d.registered_at < :after AND (d.ended_at IS NULL OR d.ended_at >= :first)
    AND NOT EXISTS (SELECT FROM service_card k WHERE k.report = d.id AND k.quarter = :quarter)
    AND {CARDS.not_aside("(d.id || ':' || :quarter)")}"""
_SEND = """
INSERT INTO service_card (report, quarter, minutes, lines, made_at)
SELECT report, %s, minutes, lines, %s
FROM json_to_recordset(%s::json) AS k(report uuid, minutes int, lines jsonb)
ON CONFLICT DO NOTHING"""
_CARDS = """
SELECT k.report::text AS report, k.quarter, k.minutes, k.lines, k.made_at, k.seen_at, k.seen_by,
    d.name, d.member,
       d.organisation, d.unit
FROM service_card k JOIN double_report d ON d.id = k.report
WHERE :own IN (d.organisation, d.unit) ORDER BY k.quarter DESC, d.name, k.report
    LIMIT :limit OFFSET :offset"""
_SEEN = """
UPDATE service_card k SET seen_at = coalesce(k.seen_at, %s), seen_by = coalesce(k.seen_by, %s)
FROM double_report d
WHERE d.id = k.report AND d.unit = %s AND k.report = %s AND k.quarter = %s
RETURNING 1"""


@dataclass(frozen=True, slots=True)
class _Held:
    """What an organisation has here until it ends: its table, the column that says since when it
    is over, and the column of a claim that names it.
    """

    table: str
    ended: str
    named_by: str


_REGISTRATION = _Held("double_report", "ended_at", "report")
_POST = _Held("community_post", "closed_at", "post")


@dataclass(frozen=True, slots=True)
class Service:
    """What a member did in a post on a day."""

    on: date
    minutes: int
    words: str | None = None


def expected(tx: Connection, organisation: str, limit: int = 500, offset: int = 0) -> Sequence[Any]:
    """Members who live here, belong to a unit elsewhere and have not registered yet."""
    return rows(tx, _EXPECTED, {"own": organisation, "limit": limit, "offset": offset})


def register(
    tx: Connection, organisation: str, case_id: str, person: str | None, now: datetime
) -> str:
    """Registers the member of a case at the community and returns the registration's id."""
    expected_here = {member.id: member for member in expected(tx, organisation)}
    member = expected_here.get(case_id)
    if member is None:
        raise refuse(
            409,
            "not-expected",
            "这名党员不在应到本社区双报到的名单里，或已经报到。",
            "This member is not expected to register here, or has done so.",
        )
    unit = tx.exec_driver_sql(
        "SELECT organisation FROM member WHERE member = %s", (member.member,)
    ).scalar_one()
    path = Directory.of(tx).path(organisation)
    name = member.name or ""
    tx.exec_driver_sql(
        _REGISTER,
        (uuid4(), member.member, case_id, name, organisation, path, unit, now, person),
    )
    tx.exec_driver_sql(_TASK_DONE, (now, case_id, organisation))
    registered = tx.exec_driver_sql(_REGISTERED, (member.member, organisation))
    return str(registered.scalar_one())


def end(tx: Connection, organisation: str, report: UUID, now: datetime) -> None:
    """The member has moved away: the registration and its claims end; what was done stays."""
    _end(tx, _REGISTRATION, organisation, report, now)


def open_post(tx: Connection, organisation: str, title: str, places: int, now: datetime) -> str:
    """Adds a post (岗位) that members may claim; returns its id."""
    is_title = bool(title.strip()) and len(title) <= TITLE_LETTERS_MAX
    if not is_title or not 1 <= places <= PLACES_MAX:
        raise refuse(
            422,
            "field-wrong",
            f"请写岗位名称（{TITLE_LETTERS_MAX} 字以内）和人数（1 到 {PLACES_MAX}）。",
            f"Give the post's title (up to {TITLE_LETTERS_MAX} letters) and its places "
            f"(1 to {PLACES_MAX}).",
            field="title",
        )
    post = uuid4()
    path = Directory.of(tx).path(organisation)
    tx.exec_driver_sql(_OPEN_POST, (post, organisation, path, title.strip(), places, now))
    return str(post)


def close_post(tx: Connection, organisation: str, post: UUID, now: datetime) -> None:
    """Nobody may claim the post any more; those who hold it are released."""
    _end(tx, _POST, organisation, post, now)


def _end(tx: Connection, held: _Held, organisation: str, ident: UUID, now: datetime) -> None:
    """Ends a registration or a post, and the claims that name it."""
    _must_own(tx, held, organisation, ident)
    tx.exec_driver_sql(
        f"UPDATE {held.table} SET {held.ended} = %s WHERE id = %s AND {held.ended} IS NULL",
        (now, ident),
    )
    tx.exec_driver_sql(
        f"UPDATE post_claim SET ended_at = %s WHERE {held.named_by} = %s AND ended_at IS NULL",
        (now, ident),
    )


def claim(tx: Connection, organisation: str, report: UUID, post: UUID, now: datetime) -> str:
    """A registered member claims a post that has a place left; claiming twice is claiming once.
    Returns the claim's id.

    The places are counted and taken while the post is locked: the last one is not given twice.
    """
    _lock_standing(tx, _REGISTRATION, organisation, report)
    _lock_standing(tx, _POST, organisation, post)
    count = tx.exec_driver_sql(_TAKEN, (report, post)).one()
    if count.taken >= count.places:
        raise refuse(409, "post-full", "这个岗位已经满员。", "This post has no place left.")
    tx.exec_driver_sql(_CLAIM, (uuid4(), post, report, now))
    return str(tx.exec_driver_sql(_CLAIMED, (post, report)).scalar_one())


def serve(
    tx: Connection,
    organisation: str,
    claimed: UUID,
    service: Service,
    person: str | None,
    now: datetime,
) -> None:
    """Notes service in a post that the member holds by the claim ``claimed``, or held on that
    day.
    """
    held = tx.exec_driver_sql(_HELD, (claimed, organisation)).first()
    if held is None:
        raise _not_ours()
    if not 1 <= service.minutes <= MINUTES_MAX:
        raise refuse(
            422,
            "field-wrong",
            "服务时长应在 1 分钟到 24 小时之间。",
            "Service is between a minute and 24 hours.",
            field="minutes",
        )
    if not _was_held(held, service.on, now):
        raise refuse(
            422,
            "field-wrong",
            "服务日期应在认领岗位之后，不能晚于今天。",
            "The day of service lies after the claim and not in the future.",
            field="on",
        )
    words = bounded(service.words, WORDS_MAX, "words") or None
    tx.exec_driver_sql(
        _SERVE,
        (uuid4(), claimed, held.report, service.on, service.minutes, words, person, now),
    )


def _was_held(held: Any, day: date, now: datetime) -> bool:
    """Whether a post was held on a day that is not in the future."""
    last = day_of(now)
    if held.ended_at:
        last = min(last, day_of(held.ended_at))
    return day_of(held.claimed_at) <= day <= last


def _must_own(tx: Connection, held: _Held, organisation: str, ident: UUID) -> None:
    """Raises Refused 404 unless it is the organisation's."""
    own = f"SELECT 1 FROM {held.table} WHERE id = %s AND organisation = %s"
    if not tx.exec_driver_sql(own, (ident, organisation)).first():
        raise _not_ours()


def _lock_standing(tx: Connection, held: _Held, organisation: str, ident: UUID) -> None:
    """Locks it; raises Refused 404 unless it is the organisation's and has not ended."""
    standing = (
        f"SELECT 1 FROM {held.table} WHERE id = %s AND organisation = %s "
        f"AND {held.ended} IS NULL FOR UPDATE"
    )
    if not tx.exec_driver_sql(standing, (ident, organisation)).first():
        raise _not_ours()


def _not_ours() -> Refused:
    return refuse(
        404,
        "no-such-registration",
        "没有这条登记，或不归本组织办理。",
        "There is no such registration, or it is not for this organisation.",
    )


def reports(
    tx: Connection,
    organisation: str,
    side: str = "organisation",
    limit: int = 1000,
    offset: int = 0,
) -> list[dict[str, Any]]:
    """Registrations at a community (``organisation``), or of the members of a unit (``unit``), with
    the minutes served.
    """
    sql = _REPORTS.format(side="unit" if side == "unit" else "organisation")
    registrations = rows(tx, sql, {"own": organisation, "limit": limit, "offset": offset})
    return [dict(registration) for registration in registrations]


def posts(tx: Connection, organisation: str, limit: int = 500, offset: int = 0) -> Sequence[Any]:
    """The open posts of a community, with how many hold each."""
    return rows(tx, _POSTS, {"own": organisation, "limit": limit, "offset": offset})


def claims(tx: Connection, organisation: str, limit: int = 2000, offset: int = 0) -> Sequence[Any]:
    """Who holds which post of a community now."""
    return rows(tx, _CLAIMS, {"own": organisation, "limit": limit, "offset": offset})


def quarter_of(day: date) -> str:
    """The quarter of a day: ``2026Q4``."""
    return f"{day.year}Q{(day.month + 2) // 3}"


def begins(quarter: str) -> date:
    """The first day of a quarter."""
    return date(int(quarter[:4]), 3 * int(quarter[5]) - 2, 1)


def send_cards(engine: Engine, now: datetime) -> int:
    """Sends the card of every registration for the quarter that is over, once; returns how many.

    A card is what was noted when the quarter ended, or when the service came back after that.
    """
    after = begins(quarter_of(day_of(now)))
    quarter = quarter_of(after - timedelta(days=1))
    first = begins(quarter)
    with engine.begin() as tx:
        due = rows(
            tx,
            _CARDS_DUE,
            {"after": midnight(after), "first": midnight(first), "quarter": quarter},
        )
        if not due:
            return 0
        lines = _lines_of_reports(tx, first, after)
        done = CARDS.each_by_itself(
            tx,
            due,
            lambda part: _send(tx, {row.id: lines.get(row.id, []) for row in part}, quarter, now),
            now,
            key=lambda row: f"{row.id}:{quarter}",
            organisation=lambda row: row.organisation,
        )
        return len(due) - done.left_out


def _lines_of_reports(tx: Connection, first: date, after: date) -> dict[UUID, list[dict[str, Any]]]:
    """Registration -> the minutes served in each post, from day ``first`` to before ``after``."""
    lines: dict[UUID, list[dict[str, Any]]] = {}
    for row in rows(tx, _LINES, {"first": first, "after": after}):
        line = {"post": row.title, "minutes": row.minutes}
        lines.setdefault(row.report, []).append(line)
    return lines


def _send(
    tx: Connection, lines_of: Mapping[UUID, list[dict[str, Any]]], quarter: str, now: datetime
) -> None:
    cards_of: list[dict[str, Any]] = []
    for report, lines in lines_of.items():
        minutes = sum(line["minutes"] for line in lines)
        cards_of.append({"report": report, "lines": lines, "minutes": minutes})
    tx.exec_driver_sql(_SEND, (quarter, now, dumps(cards_of)))


def cards(
    tx: Connection, organisation: str, limit: int = 1000, offset: int = 0
) -> list[dict[str, Any]]:
    """The quarterly cards that a community sent or a unit got, newest first."""
    kept = rows(tx, _CARDS, {"own": organisation, "limit": limit, "offset": offset})
    return [dict(card) for card in kept]


def mark_seen(
    tx: Connection, unit: str, report: UUID, quarter: str, person: str | None, now: datetime
) -> None:
    """The unit has taken note of a card."""
    seen = tx.exec_driver_sql(_SEEN, (now, person, unit, report, quarter))
    if not seen.first():
        raise _not_ours()
