"""Blocking keys follow their rules: where newer rules come with a release, the keys of all members
are computed anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Engine

from services.identity import han
from services.identity.keys import RULES
from services.kit.clock import Clock, SystemClock
from services.kit.db.engine import rows
from services.kit.loops import Done, Part
from services.registry import tokens
from services.registry.directory import Directory
from services.registry.load_people import keys_of
from services.registry.upsert import BATCH_ROWS_MAX, alone

log = structlog.get_logger()

_RULES = "SELECT rules FROM registry_version WHERE part = 'member_key'"
_FOLLOW = "UPDATE registry_version SET rules = %s WHERE part = 'member_key'"
MEMBERS = Part("keys", "members")
_COLUMNS = """
SELECT member, name, sex, birth_date, id_number, phone, address, organisation, standing,
    military_card FROM member m """
_MEMBERS = (
    _COLUMNS
    + f"WHERE member > :last AND {MEMBERS.not_aside('m.member')} ORDER BY member LIMIT :limit"
)
_NAMED = _COLUMNS + "WHERE member = ANY (:members) ORDER BY member"
_STALE = "SELECT key, member FROM member_key WHERE member = ANY (%s) AND NOT starts_with(key, %s)"
_DROP = """
DELETE FROM member_key AS k USING unnest(%s::text[], %s::text[]) AS gone (key, member)
WHERE k.key = gone.key AND k.member = gone.member"""
_ORDINARY = "UPDATE member SET name = %s, address = %s WHERE member = %s"
_USUAL_NAME = re.compile("[\u4e00-\u9fff]{2,4}")


def follow(engine: Engine, clock: Clock = SystemClock()) -> int:
    """Computes the keys of all members anew if other rules made those that are stored; returns of
    how many members.

    In short transactions, alone among loads; a process that dies before the end does it again. Keys
    that the newer rules add are there batch by batch, those that they no longer make are taken away
    last. Radicals in a member's name and address become ordinary characters on the way. `engine`
    acts as guidui_worker.
    """
    if _is_current(engine):
        return 0
    with alone(engine):
        if _is_current(engine):
            return 0
        members, unusual = _add(engine, clock)
        for keys in unusual:
            _drop_stale(engine, keys)
        with engine.begin() as tx:
            tx.exec_driver_sql(_FOLLOW, (RULES,))
    log.info("keys_computed_anew", members=members, rules=RULES)
    return members


def again(tx: Connection, members: Sequence[str], at: datetime) -> None:
    """Computes the keys of members that stood aside, once more."""
    _each(tx, _records(tx, _NAMED, {"members": list(members)}), at)


def _is_current(engine: Engine) -> bool:
    with engine.connect() as tx:
        return tx.exec_driver_sql(_RULES).scalar() == RULES


def _add(engine: Engine, clock: Clock) -> tuple[int, list[dict[str, frozenset[str]]]]:
    """Adds what the rules make; returns how many members there are, and the keys of those with
    unusual names, whose sound may have been another by earlier rules.
    """
    count, last = 0, ""
    unusual: list[dict[str, frozenset[str]]] = []
    while True:
        with engine.begin() as tx:
            records = _records(tx, _MEMBERS, {"last": last, "limit": BATCH_ROWS_MAX})
            if not records:
                return count, unusual
            done = _each(tx, records, clock.now())
        unusual += done.results
        count, last = count + len(records) - done.left_out, records[-1]["member"]


def _records(tx: Connection, sql: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in rows(tx, sql, params)]


def _each(
    tx: Connection, records: Sequence[dict[str, Any]], at: datetime
) -> Done[dict[str, frozenset[str]]]:
    return MEMBERS.each_by_itself(
        tx,
        records,
        lambda part: _store(tx, [dict(record) for record in part]),
        at,
        key=lambda record: record["member"],
        organisation=lambda record: record["organisation"],
    )


def _store(tx: Connection, records: list[dict[str, Any]]) -> dict[str, frozenset[str]]:
    """Stores the keys of some members; returns those of members with unusual names."""
    odd = {record["member"] for record in records if _is_unusual(record["name"] or "")}
    _made_ordinary(tx, records)
    keys = dict(_keys(tx, records))
    tokens.store(tx, ((key, member) for member, member_keys in keys.items() for key in member_keys))
    return {member: member_keys for member, member_keys in keys.items() if member in odd}


def _is_unusual(name: str) -> bool:
    return _USUAL_NAME.fullmatch(name) is None or "某" in name


def _made_ordinary(tx: Connection, records: list[dict[str, Any]]) -> None:
    for record in records:
        name, address = han.ordinary(record["name"] or ""), han.ordinary(record["address"] or "")
        if (name, address) != (record["name"] or "", record["address"] or ""):
            record["name"], record["address"] = name, address or None
            tx.exec_driver_sql(_ORDINARY, (record["name"], record["address"], record["member"]))


def _keys(tx: Connection, records: list[dict[str, Any]]) -> Iterator[tuple[str, frozenset[str]]]:
    directory, senders = Directory.of(tx), tokens.agreed(tx)
    for record in records:
        yield record["member"], keys_of(record, directory, senders)


def _drop_stale(engine: Engine, keys: Mapping[str, frozenset[str]]) -> None:
    if not keys:
        return
    with engine.begin() as tx:
        stored = tx.exec_driver_sql(_STALE, (list(keys), tokens.PREFIX)).all()
        gone = [(key, member) for key, member in stored if key not in keys[member]]
        if gone:
            tx.exec_driver_sql(_DROP, tuple(map(list, zip(*gone, strict=True))))
