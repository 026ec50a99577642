"""Old letters, confirmed addresses and the calendar of working days from a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from services.kit.errors import Text
from services.registry.directory import Directory
from services.registry.file_schemas import Faults, confirmed_source
from services.registry.upsert import Entry, Outcome, as_given, one_fault, upsert

OpenLetters = Callable[[Connection, Sequence[Mapping[str, Any]]], Sequence[str | Text]]


def write_letters(
    tx: Connection, batch: Sequence[Entry], at: datetime, open_letters: OpenLetters
) -> list[Outcome]:
    """Hand counterfoils whose member and organisations are known to `open_letters`.

    It answers each, in order: `new` (a case was opened), `unchanged` (it stands already), or why
    not.
    """
    directory = Directory.of(tx)
    members = set(
        tx.exec_driver_sql(
            "SELECT member FROM member WHERE member = ANY (%s)",
            ([entry.values["member"] for entry in batch],),
        ).scalars()
    )
    outcomes: list[Any] = [
        _letter_fault(entry.values, directory, members, at.date()) for entry in batch
    ]
    sound = [place for place, fault in enumerate(outcomes) if fault is None]
    if sound:
        answers = open_letters(tx, [batch[place].values for place in sound])
        for place, answer in zip(sound, answers, strict=True):
            outcomes[place] = (
                answer
                if isinstance(answer, str)
                else one_fault("", answer.zh, "请核对存根和该党员现在的情况")
            )
    return outcomes


def _letter_fault(
    letter: Mapping[str, Any], directory: Directory, members: set[str], today: date
) -> Faults | None:
    if letter["member"] not in members:
        return one_fault(
            "member", f"党员库里没有编号为 {letter['member']} 的党员", "先导入该党员，或改正编号"
        )
    for column in ("from", "to", "header"):
        if letter[column] and letter[column] not in directory:
            return one_fault(
                column, f"组织库里没有代码为 {letter[column]} 的组织", "先导入该组织，或改正代码"
            )
    if letter["issued_on"] > today:
        return one_fault("issued_on", "开具日期晚于今天", "请填写介绍信上的开具日期")
    return None


def write_confirmed(tx: Connection, batch: Sequence[Entry], on: date) -> list[Outcome]:
    """Confirmed (address, code) pairs for the matcher to learn from. One that was withdrawn stays
    withdrawn.
    """
    records = {}
    for entry in batch:
        value = entry.values
        records[confirmed_source(value)] = {
            "address": value["address"],
            "code": value["code"],
            "on": value["on"],
        }
    known_letters = tx.exec_driver_sql(
        'SELECT source, address, code, "on" FROM confirmed_address WHERE source = ANY (%s)',
        (list(records),),
    )
    before = {
        row.source: {"address": row.address, "code": row.code, "on": row.on}
        for row in known_letters
    }
    outcomes: list[Outcome] = []
    writing = []
    directory = Directory.of(tx)
    for source, new in records.items():
        old = before.get(source)
        new["on"] = new["on"] or (old["on"] if old else on)
        outcomes.append("new" if old is None else "unchanged" if old == new else "changed")
        if old != new:
            writing.append({"source": source, **new, "path": _path_over(directory, new["code"])})
    upsert(tx, "confirmed_address", "source", writing, as_given("address", "code", "on", "path"))
    return outcomes


def _path_over(directory: Directory, code: str) -> str | None:
    """The path of whoever serves a place, or the division above it: there it may be withdrawn."""
    serving = (directory.serving(code[:digits]) for digits in (12, 9, 6, 4, 2))
    return next((organisation.path for organisation in serving if organisation is not None), None)


def write_calendar(tx: Connection, batch: Sequence[Entry]) -> list[Outcome]:
    """Days off and make-up working days of the State Council's list; a day is one or the other."""
    days = [entry.values["day"] for entry in batch]
    before = {
        row.day: (row.kind, row.source)
        for row in tx.exec_driver_sql(
            "SELECT day, kind, source FROM calendar_day WHERE day = ANY (%s)", (days,)
        )
    }
    outcomes: list[Outcome] = []
    for entry in batch:
        old, new = before.get(entry.values["day"]), (entry.values["kind"], entry.values["source"])
        outcomes.append("new" if old is None else "unchanged" if old == new else "changed")
    upsert(
        tx,
        "calendar_day",
        "day",
        [
            entry.values
            for entry, outcome in zip(batch, outcomes, strict=True)
            if outcome != "unchanged"
        ],
        as_given("kind", "source"),
    )
    return outcomes
