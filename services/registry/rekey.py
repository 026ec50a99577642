"""Blocking keys follow their rules: where newer rules come with a release, the keys of all members are computed anew."""
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import structlog
from sqlalchemy import Connection, Engine

from services.registry import han, tokens
from services.registry.directory import Directory
from services.registry.keys import RULES
from services.registry.load_people import keys_of
from services.registry.rows import BATCH_ROWS_MAX, alone

log = structlog.get_logger()

_RULES = "SELECT rules FROM registry_version WHERE part = 'member_key'"
_FOLLOW = "UPDATE registry_version SET rules = %s WHERE part = 'member_key'"
_MEMBERS = """
SELECT member, name, sex, birth_date, id_number, phone, address, organisation, standing, military_card
FROM member WHERE member > %s ORDER BY member LIMIT %s"""
_STALE = "SELECT key, member FROM member_key WHERE member = ANY (%s) AND NOT starts_with(key, %s)"
_DROP = """
DELETE FROM member_key AS k USING unnest(%s::text[], %s::text[]) AS gone (key, member)
WHERE k.key = gone.key AND k.member = gone.member"""
_ORDINARY = "UPDATE member SET name = %s, address = %s WHERE member = %s"
_USUAL_NAME = re.compile("[\u4e00-\u9fff]{2,4}")


def follow(engine: Engine) -> int:
    """Computes the keys of all members anew if other rules made those that are stored; returns of how many members.

    In short transactions, alone among loads; a process that dies before the end does it again. Keys that the newer
    rules add are there batch by batch, those that they no longer make are taken away last. Radicals in a member's name
    and address become ordinary characters on the way. `engine` acts as guidui_worker.
    """
    if _is_current(engine):
        return 0
    with alone(engine):
        if _is_current(engine):
            return 0
        members, unusual = _add(engine)
        for keys in unusual:
            _drop_stale(engine, keys)
        with engine.begin() as tx:
            tx.exec_driver_sql(_FOLLOW, (RULES,))
    log.info("keys_computed_anew", members=members, rules=RULES)
    return members


def _is_current(engine: Engine) -> bool:
    with engine.connect() as tx:
        return tx.exec_driver_sql(_RULES).scalar() == RULES


def _add(engine: Engine) -> tuple[int, list[dict[str, frozenset[str]]]]:
    """Adds what the rules make; returns how many members there are, and the keys of those with unusual names, whose
    sound may have been another by earlier rules."""
    count, last = 0, ""
    unusual: list[dict[str, frozenset[str]]] = []
    while True:
        with engine.begin() as tx:
            found = [dict(row._mapping) for row in tx.exec_driver_sql(_MEMBERS, (last, BATCH_ROWS_MAX))]
            if not found:
                return count, unusual
            odd = {record["member"] for record in found if _is_unusual(record["name"] or "")}
            _made_ordinary(tx, found)
            keys = dict(_keys(tx, found))
            tokens.store(tx, ((key, member) for member, some in keys.items() for key in some))
        unusual.append({member: some for member, some in keys.items() if member in odd})
        count, last = count + len(found), found[-1]["member"]


def _is_unusual(name: str) -> bool:
    return _USUAL_NAME.fullmatch(name) is None or "某" in name


def _made_ordinary(tx: Connection, found: list[dict[str, Any]]) -> None:
    for record in found:
        name, address = han.ordinary(record["name"] or ""), han.ordinary(record["address"] or "")
        if (name, address) != (record["name"] or "", record["address"] or ""):
            record["name"], record["address"] = name, address or None
            tx.exec_driver_sql(_ORDINARY, (record["name"], record["address"], record["member"]))


def _keys(tx: Connection, found: list[dict[str, Any]]) -> Iterator[tuple[str, frozenset[str]]]:
    directory, senders = Directory.of(tx), tokens.agreed(tx)
    for record in found:
        yield record["member"], keys_of(record, directory, senders)


def _drop_stale(engine: Engine, keys: Mapping[str, frozenset[str]]) -> None:
    if not keys:
        return
    with engine.begin() as tx:
        stored = tx.exec_driver_sql(_STALE, (list(keys), tokens.PREFIX)).all()
        gone = [(key, member) for key, member in stored if key not in keys[member]]
        if gone:
            tx.exec_driver_sql(_DROP, tuple(map(list, zip(*gone))))
