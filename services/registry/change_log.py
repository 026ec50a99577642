"""Posted changes of organisations: kept when their event comes, taken back, and carried out on
their day, once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Connection, Engine

from schemas.days import stored_day
from services.kit.clock import Clock
from services.kit.db.engine import dumps, rows
from services.kit.errors import Text
from services.kit.loops import Part
from services.registry import organisation_history
from services.registry.changes import Change, Folded, Tree, fault, fold
from services.registry.directory import Directory
from services.registry.load_tree import (
    Arrangement,
    Mover,
    follow,
    grids_follow,
    write_organisations,
)
from services.registry.tabular import Row
from services.registry.upsert import Entry, alone

log = structlog.get_logger()

AT_ONCE = 500
CHANGES = Part("tree", "changes")
WAITING, DONE, REJECTED, WITHDRAWN = "waiting", "done", "rejected", "withdrawn"
_ABOUT = ("organisation", "founded", "effective_on", "corrects")


@dataclass(frozen=True, slots=True)
class Said:
    """A posted event that is about an organisation: a change, or the withdrawal of one.

    `superseded`: corrected or withdrawn before it was read.
    """

    event: UUID
    source: str
    ext_id: str
    by: str
    path: str
    time: datetime
    data: Mapping[str, Any]
    corrects: str | None = None
    superseded: bool = False


def take(tx: Connection, posted: Said, directory: Directory, now: datetime) -> None:
    """Keeps a posted change until its day; says at once why it cannot be. `tx` acts as the
    worker.
    """
    change, words = _read(posted, now), None
    if posted.corrects:
        words = _take_back(tx, posted, now)
    if not words and not posted.superseded:
        change, words = _checked(tx, change, directory)
    state = REJECTED if words else WITHDRAWN if posted.superseded else WAITING
    _keep(tx, posted, change, state, words, now)


def why_not(tx: Connection, posted: Said, directory: Directory, now: datetime) -> Text | None:
    """What would be wrong with a change if it were posted now; nothing is kept. `tx` acts as the
    worker.
    """
    return _checked(tx, _read(posted, now), directory)[1]


def posted(tx: Connection, limit: int = 50, offset: int = 0) -> list[dict[str, Any]]:
    """The changes posted by organisations whom this transaction sees, those that wait first, then
    the newest.
    """
    return [
        dict(row)
        for row in rows(
            tx,
            """
        SELECT ext_id, by_organisation, organisation, founded, columns, time, effective_on, state,
            left_out, zh, en
        FROM organisation_change WHERE columns <> '{}' ORDER BY state <> 'waiting', time DESC, event
            LIMIT :limit OFFSET :offset""",
            {"limit": limit, "offset": offset},
        )
    ]


def _checked(tx: Connection, change: Change, directory: Directory) -> tuple[Change, Text | None]:
    """The change on the day on which it can be, and why it cannot be at all."""
    foundings = _foundings(tx)
    change = _after_what_it_needs(change, foundings)
    tree = Tree(directory)
    tree.rows |= {
        founding.code: tree.changed(founding)
        for founding in foundings.values()
        if directory.get(founding.code) is None and founding.code != change.code
    }
    return change, fault(change, tree) or _twice_founded(change, foundings)


def withdraw(tx: Connection, posted: Said, now: datetime) -> None:
    """Takes a change back that has not taken effect; the withdrawal of one that has is rejected. Of
    other events: nothing.
    """
    earlier = _earlier(tx, posted)
    if earlier:
        words = _take_back(tx, posted, now)
        change = Change(
            str(posted.event),
            posted.by,
            earlier.organisation,
            earlier.founded,
            {},
            posted.time,
            "",
            earlier.effective_on,
        )
        _keep(tx, posted, change, REJECTED if words else DONE, words, now)


def progress(tx: Connection, event: UUID) -> dict[str, Any] | None:
    """What became of a posted change, as this transaction sees it; None where the event is none."""
    waiting = rows(
        tx,
        "SELECT organisation, state, effective_on, columns, left_out, zh, en, decided_at "
        "FROM organisation_change WHERE event = :event",
        {"event": event},
    )
    return dict(waiting[0]) if waiting else None


def apply_due(
    engine: Engine, clock: Clock, movers: Sequence[Mover], then: Callable[[], Any]
) -> int:
    """Carries out every change whose day has come, as a load does; `then` lets open cases follow.
    Returns how many.

    A process that dies anywhere goes on here: nothing is done twice, nothing left half done.
    """
    done = 0
    while _anything(engine, clock.now().date()):
        with alone(engine):
            follow(engine, movers)
            with engine.begin() as tx:
                done += _apply(tx, clock.now())
            follow(engine, movers)
            grids_follow(engine)
            then()
            with engine.begin() as tx:
                tx.exec_driver_sql(
                    "UPDATE organisation_change SET followed = true WHERE NOT followed"
                )
    return done


def next_day(tx: Connection, after: date) -> date | None:
    """The next day after one on which a change waits."""
    return tx.exec_driver_sql(
        "SELECT min(effective_on) FROM organisation_change WHERE state = 'waiting' "
        "AND effective_on > %s",
        (after,),
    ).scalar_one()


def _read(posted: Said, now: datetime) -> Change:
    data = posted.data
    founded = data.get("founded")
    columns = dict(founded or {k: v for k, v in data.items() if k not in _ABOUT})
    code = columns.pop("code", None) if founded else data["organisation"]
    return Change(
        str(posted.event),
        posted.by,
        code,
        bool(founded),
        columns,
        posted.time,
        f"{posted.source}\n{posted.ext_id}",
        _counts_from(data.get("effective_on"), columns.get("effective_to"), now),
    )


def _counts_from(effective_on: str | None, effective_to: str | None, now: datetime) -> date:
    """From when a change counts: the day stated, else the day after the organisation's last, else
    at once.
    """
    if effective_on or not effective_to:
        return stored_day(effective_on) if effective_on else now.date()
    return max(now.date(), stored_day(effective_to) + timedelta(days=1))


def _earlier(tx: Connection, posted: Said) -> Any:
    earlier = rows(
        tx,
        "SELECT event, organisation, founded, state, effective_on, decided_at FROM "
        "organisation_change "
        "WHERE source = :source AND ext_id = :id FOR UPDATE",
        {"source": posted.source, "id": posted.corrects},
    )
    return earlier[0] if earlier else None


def _take_back(tx: Connection, posted: Said, now: datetime) -> Text | None:
    """Withdraws what `said` corrects, if it still waits; else says that it is in force."""
    earlier = _earlier(tx, posted)
    if earlier is not None and earlier.state == DONE:
        on = f"{earlier.decided_at.astimezone(now.tzinfo):%Y-%m-%d}"
        return Text(
            f"{posted.corrects} 已于 {on} 生效，不能再撤回或更正；请另报一次变更，写明现在的情况。",
            f"{posted.corrects} took effect on {on} and can no longer be taken back; post another "
            f"change that says "
            "what is the case now.",
        )
    if earlier is not None and earlier.state == WAITING:
        tx.exec_driver_sql(
            "UPDATE organisation_change SET state = %s, decided_at = %s WHERE event = %s",
            (WITHDRAWN, now, earlier.event),
        )
    return None


def _foundings(tx: Connection) -> dict[str, Change]:
    """The organisations that are to be founded, by code."""
    return {
        change.code: change
        for change in _changes(
            rows(
                tx,
                f"SELECT {_FIELDS} FROM organisation_change WHERE state = 'waiting' AND founded",
                {},
            )
        )
    }


def _twice_founded(change: Change, foundings: Mapping[str, Change]) -> Text | None:
    if change.founded and change.code in foundings:
        return Text(
            f"{change.code} 的新建已经报送，正在等生效日；请更正那一次报送。",
            f"The founding of {change.code} has been posted and waits for its day; correct that "
            f"event.",
        )
    return None


def _after_what_it_needs(change: Change, foundings: Mapping[str, Change]) -> Change:
    """A change never comes before the founding of an organisation that it names."""
    days = [foundings[code].effective_on for code in change.needs.values() if code in foundings]
    return replace(change, effective_on=max([change.effective_on, *days]))


_FIELDS = (
    "event, by_organisation, organisation, founded, columns, time, source, ext_id, effective_on"
)
_KEEP = """
INSERT INTO organisation_change (event, source, ext_id, by_organisation, path, organisation,
    founded, columns, time,
    effective_on, state, zh, en, decided_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s, %s, %s, %s, %s) ON CONFLICT (event)
    DO NOTHING"""


def _keep(
    tx: Connection, posted: Said, change: Change, state: str, words: Text | None, now: datetime
) -> None:
    tx.exec_driver_sql(
        _KEEP,
        (
            posted.event,
            posted.source,
            posted.ext_id,
            posted.by,
            posted.path,
            change.code,
            change.founded,
            dumps(dict(change.columns)),
            posted.time,
            change.effective_on,
            state,
            words and words.zh,
            words and words.en,
            now,
        ),
    )
    log.info(
        "organisation_change_posted",
        event_id=str(posted.event),
        organisation=change.code,
        state=state,
    )


def _changes(change_rows: Sequence[Any]) -> list[Change]:
    return [
        Change(
            str(r.event),
            r.by_organisation,
            r.organisation,
            r.founded,
            r.columns,
            r.time,
            f"{r.source}\n{r.ext_id}",
            r.effective_on,
        )
        for r in change_rows
    ]


def _anything(engine: Engine, today: date) -> bool:
    with engine.connect() as tx:
        return rows(
            tx,
            f"SELECT EXISTS (SELECT FROM organisation_change c WHERE state = 'waiting' AND "
            f"effective_on <= :today "
            f"AND {CHANGES.not_aside('c.event::text')} OR NOT followed) AS is_any",
            {"today": today},
        )[0].is_any


def _apply(tx: Connection, now: datetime) -> int:
    due = _changes(
        rows(
            tx,
            f"""SELECT {_FIELDS} FROM organisation_change c
        WHERE state = 'waiting' AND effective_on <= :today AND {CHANGES.not_aside("c.event::text")}
        ORDER BY effective_on, founded DESC, time, source, ext_id LIMIT :limit FOR UPDATE""",
            {"today": now.date(), "limit": AT_ONCE},
        )
    )
    done = CHANGES.each_by_itself(
        tx,
        due,
        lambda part: _carry_out(tx, part, now),
        now,
        key=lambda change: change.event,
        organisation=lambda change: change.by,
    )
    return sum(done.results)


def _carry_out(tx: Connection, due: Sequence[Change], now: datetime) -> int:
    due = _still_due(tx, due, now.date())
    directory = Directory.of(tx)
    folded = fold(
        due, Tree(directory), organisation_history.stamps(tx, [change.code for change in due]), now
    )
    standing = _written(tx, folded, due, directory)
    organisation_history.keep(tx, (line for line in folded.lines if line["code"] in standing))
    outcome = [
        {
            "event": change.event,
            "state": REJECTED if words else DONE,
            "zh": words and words.zh,
            "en": words and words.en,
            "left_out": folded.left_out.get(change.event, []),
        }
        for change in due
        for words in (folded.faults.get(change.event),)
    ]
    tx.exec_driver_sql(
        """UPDATE organisation_change c
        SET state = o.state, zh = o.zh, en = o.en, left_out = o.left_out,
        decided_at = %s, followed = (o.state <> 'done')
        FROM json_to_recordset(%s::json) AS o(event uuid, state text, zh text, en text,
            left_out text[])
        WHERE c.event = o.event""",
        (now, dumps(outcome)),
    )
    log.info("organisations_changed", changes=len(due), rejected=len(folded.faults))
    return len(due)


def _still_due(tx: Connection, due: Sequence[Change], today: date) -> list[Change]:
    """Those that need no organisation whose founding was put off; the others wait for it."""
    foundings = _foundings(tx)
    ready = []
    for change in due:
        later = _after_what_it_needs(change, foundings)
        if later.effective_on <= today:
            ready.append(change)
        else:
            tx.exec_driver_sql(
                "UPDATE organisation_change SET effective_on = %s WHERE event = %s",
                (later.effective_on, change.event),
            )
    return ready


def _written(
    tx: Connection, folded: Folded, due: Sequence[Change], directory: Directory
) -> set[str]:
    """Writes the organisations as they come out, by the code that loads them; returns those that
    could be written.
    """
    entries = [
        Entry(Row(number, ()), organisation._asdict())
        for number, organisation in enumerate(folded.tree.rows.values())
    ]
    tree = Arrangement(entries, directory)
    refused = {entry.values["code"]: faults for entry, faults in tree.refused}
    for change in due:
        if change.code in refused:
            words = Text(
                refused[change.code].reason + "。",
                "The register cannot take this: it would break the tree.",
            )
            folded.faults.setdefault(change.event, words)
    write_organisations(tx, [*tree.placed, *tree.followers], directory)
    return {entry.values["code"] for entry in tree.placed}
