"""Members, contacts and grids from a file. Where a member belongs is never changed by a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from schemas.days import dues_month_last, tomorrow
from services.identity.keys import member_keys
from services.identity.persons import MemberRecord
from services.kit.db.engine import records
from services.registry import tokens
from services.registry.directory import Directory
from services.registry.file_schemas import KINDS, Faults, contact_id
from services.registry.load_tree import grid_path
from services.registry.upsert import Entry, Outcome, as_given, one_fault, upsert

MEMBER_COLUMNS = tuple(KINDS["members"].columns)
_STANDINGS = ("normal", "suspended", "ended")
_UPDATE = as_given(
    "name",
    "sex",
    "ethnicity",
    "birth_date",
    "id_number",
    "phone",
    "address",
    "status",
    "joined_on",
    "military_card",
) | {
    # Events and decisions may have gone on since the row was read: a file moves these forward only.
    "standing": "CASE WHEN old.standing = 'normal' OR excluded.standing = 'ended' "
    "THEN excluded.standing ELSE old.standing END",
    "last_life_on": "greatest(old.last_life_on, excluded.last_life_on)",
    "dues_paid_to": "greatest(old.dues_paid_to, excluded.dues_paid_to)",
    "register_life_on": "greatest(old.register_life_on, excluded.register_life_on)",
    "register_dues_to": "greatest(old.register_dues_to, excluded.register_dues_to)",
}
# what files alone have said of a column that events move too: an event that is taken back leaves
# this
_FROM_FILES = {"last_life_on": "register_life_on", "dues_paid_to": "register_dues_to"}


def write_members(tx: Connection, batch: Sequence[Entry], now: datetime) -> list[Outcome]:
    """Insert new members, update known ones in their organisation, refuse rows that would move or
    restore somebody.
    """
    on = now.date()
    directory = Directory.of(tx)
    listed = ", ".join((*MEMBER_COLUMNS, *_FROM_FILES.values()))
    known = tx.exec_driver_sql(
        f"SELECT {listed} FROM member WHERE member = ANY (%s)",
        ([entry.values["member"] for entry in batch],),
    )
    before = {row.member: dict(row) for row in records(known)}
    outcomes: list[Outcome] = []
    writing: list[dict[str, Any]] = []
    for entry in batch:
        old = before.get(entry.values["member"])
        fault = _not_yet(entry.values, now) or _refusal(entry.values, old, directory, on)
        if fault is not None:
            outcomes.append(fault)
            continue
        record = _record(entry.values, old)
        outcomes.append(_outcome(old, record))
        if record != old:
            writing.append(record)
    with_path = [record | {"path": directory.path(record["organisation"])} for record in writing]
    upsert(tx, "member", "member", with_path, _UPDATE)
    _write_keys(tx, writing, before, directory)
    return outcomes


def _not_yet(new: Mapping[str, Any], now: datetime) -> Faults | None:
    """Life and dues of days to come: they would keep a member's clock still until then."""
    last = tomorrow(now)
    if new["last_life_on"] and new["last_life_on"] > last:
        return one_fault(
            "last_life_on", f"{new['last_life_on']} 还没有到", f"请核对日期，最晚只能到 {last}"
        )
    month_last = dues_month_last(now)
    if new["dues_paid_to"] and new["dues_paid_to"] > month_last:
        return one_fault(
            "dues_paid_to",
            f"{new['dues_paid_to']} 太远",
            f"请核对年月，最多只能预缴到 {month_last}",
        )
    return None


def _refusal(
    new: Mapping[str, Any], old: Mapping[str, Any] | None, directory: Directory, on: date
) -> Faults | None:
    """Why a row may not be taken: it names no organisation, or would move or restore a member."""
    if new["organisation"] not in directory:
        return _unknown("organisation", new["organisation"])
    if old is None:
        return None
    if not _is_where_it_was(old["organisation"], new["organisation"], directory, on):
        return one_fault(
            "organisation",
            f"该党员的组织关系已在 {old['organisation']}，只有办理接收才能转移",
            "请在系统中办理组织关系转接；如只是更正其他信息，请填写现所在组织",
        )
    if _STANDINGS.index(new["standing"]) < _STANDINGS.index(old["standing"]):
        return one_fault(
            "standing",
            "该党员已停止党籍或已出党，导入文件不能恢复",
            "请在系统中按程序办理恢复；如只是更正其他信息，请填写现状态",
        )
    return None


def _is_where_it_was(old: str, new: str, directory: Directory, on: date) -> bool:
    """Whether a row leaves the member where it belongs: the same organisation, or a former one that
    the present one carries on.
    """
    if old == new:
        return True
    successor = directory.successor(new, on)
    return successor is not None and successor.code == old


def _record(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> dict[str, Any]:
    """The member's row as the file leaves it; days that move forward only are the later ones."""
    record = dict(new)
    for column, from_files in _FROM_FILES.items():
        record[from_files] = new[column]
    if old is None:
        return record
    record["organisation"] = old["organisation"]
    for column in (*_FROM_FILES, *_FROM_FILES.values()):
        record[column] = _later(record[column], old[column])
    return record


def _later(stated: Any, known: Any) -> Any:
    """The later of two days or months, either of which may be missing."""
    if not stated or not known:
        return stated or known or None
    return max(stated, known)


def _write_keys(
    tx: Connection,
    writing: Sequence[Mapping[str, Any]],
    before: Mapping[str, Mapping[str, Any]],
    directory: Directory,
) -> None:
    gone, added = [], []
    senders = tokens.agreed(tx)
    for record in writing:
        member = record["member"]
        old = keys_of(before[member], directory, senders) if member in before else frozenset()
        new = keys_of(record, directory, senders)
        gone += [(key, member) for key in old - new]
        added += [(key, member) for key in new - old]
    if gone:
        tx.exec_driver_sql(
            "DELETE FROM member_key AS k "
            "USING unnest(%s::text[], %s::text[]) AS gone (key, member) "
            "WHERE k.key = gone.key AND k.member = gone.member",
            ([key for key, _ in gone], [member for _, member in gone]),
        )
    if added:
        tokens.store(tx, added)


def keys_of(
    record: Mapping[str, Any], directory: Directory, senders: Mapping[str, bytes] = {}
) -> frozenset[str]:
    """The blocking keys of a member's row, as the matcher looks for them; ``senders``: who sends
    tokens, their keys.
    """
    organisation = directory.get(record["organisation"])
    born = record["birth_date"]
    hidden = frozenset(tokens.tokens_of(record["id_number"], senders)) if senders else frozenset()
    return hidden | member_keys(
        MemberRecord(
            member=record["member"],
            name=record["name"],
            sex=record["sex"],
            birth_date=born.isoformat() if born else None,
            id_number=record["id_number"],
            phone=record["phone"],
            address=record["address"],
            organisation=record["organisation"],
            organisation_name=organisation.name if organisation else None,
            standing=record["standing"],
            military_card=record["military_card"],
        )
    )


def write_contacts(tx: Connection, batch: Sequence[Entry]) -> list[Outcome]:
    """Insert contacts or change phone, e-mail and last day of known ones; a new address forgets old
    bounces.
    """
    directory = Directory.of(tx)
    ids = {contact_id(entry.values): entry for entry in batch}
    known = tx.exec_driver_sql(
        "SELECT id, phone, email, until FROM contact WHERE id = ANY (%s)", (list(ids),)
    )
    before = {row.id: (row.phone, row.email, row.until) for row in known}
    outcomes: list[Outcome] = []
    writing = []
    for ident, entry in ids.items():
        new = entry.values
        if new["organisation"] not in directory:
            outcomes.append(_unknown("organisation", new["organisation"]))
            continue
        outcome = _outcome(before.get(ident), (new["phone"], new["email"], new["until"]))
        outcomes.append(outcome)
        if outcome != "unchanged":
            writing.append({"id": ident, "path": directory.path(new["organisation"]), **new})
    upsert(
        tx,
        "contact",
        "id",
        writing,
        as_given("phone", "email", "until")
        | {
            "bounced_count": "CASE WHEN (old.phone, old.email) "
            "IS DISTINCT FROM (excluded.phone, excluded.email) "
            "THEN 0 ELSE old.bounced_count END"
        },
    )
    return outcomes


def write_grids(tx: Connection, batch: Sequence[Entry]) -> list[Outcome]:
    """Insert or change grids; each is seen by whoever serves its community."""
    directory = Directory.of(tx)
    columns = tuple(KINDS["grids"].columns)
    known = tx.exec_driver_sql(
        f"SELECT {', '.join(columns)} FROM grid WHERE grid = ANY (%s)",
        ([entry.values["grid"] for entry in batch],),
    )
    before = {row.grid: dict(row) for row in records(known)}
    outcomes = [_outcome(before.get(entry.values["grid"]), entry.values) for entry in batch]
    writing = [
        {**entry.values, "path": grid_path(directory, entry.values["community"])}
        for entry, outcome in zip(batch, outcomes, strict=True)
        if outcome != "unchanged"
    ]
    upsert(tx, "grid", "grid", writing, as_given(*columns[1:], "path"))
    return outcomes


def _outcome(before: Any, after: Any) -> Outcome:
    if before is None:
        return "new"
    return "unchanged" if before == after else "changed"


def _unknown(column: str, code: str) -> Faults:
    return one_fault(column, f"组织库里没有代码为 {code} 的组织", "先导入该组织，或改正代码")
