"""The tree of organisations changed: open cases find out anew who owns them, who is waited for and
who may act.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine

from services.cases.deadlines import tasks as deadlines
from services.cases.deadlines.clock import READ_MEMBERS, refresh_members
from services.cases.model.case import Case, DecisionContext, Step, Task
from services.cases.model.states import BEFORE_ACCEPTED
from services.cases.routing.rule_source import RuleSource
from services.cases.store import tables
from services.cases.store.tables import Change
from services.kit.clock import Clock
from services.kit.db.engine import rows
from services.kit.loops import Part

BATCH_ROWS_MAX = 1_000
CASES, MEMBERS = Part("tree", "cases"), Part("tree", "members")
# what follows from the tree, and not from what anybody did
_DERIVED = (
    "origin_committee",
    "receiving_committee",
    "ruling",
    "owner",
    "wait_organisation",
    "wait_act",
    "wait_due",
)


def reassign_after_reorganisation(engine: Engine, clock: Clock, rule_source: RuleSource) -> int:
    """Settles every open case whose parts are others by the tree as it is now; returns how many.

    A destination that has ended gives way to its successor; whatever else an ended organisation
    owed, of cases and of its members, stands at who acts for it. Each case gets a row
    ``tree_changed`` in its history, and its tasks move to the organisations now concerned (rules.md
    §C.0 ``org.changed``). Done again it changes nothing.
    """
    changed, after = 0, tables.BEFORE_ALL_CASES
    while True:
        with engine.begin() as tx:
            case_rows = tables.open_cases(tx, CASES, after, BATCH_ROWS_MAX)
            if not case_rows:
                return changed + _members(engine, clock, rule_source)
            done = CASES.each_by_itself(
                tx,
                case_rows,
                lambda some: _repoint(tx, [row.id for row in some], clock.now(), rule_source),
                clock.now(),
                key=lambda row: row.id,
                organisation=lambda row: row.owner,
            )
            changed += sum(done.results)
            after = case_rows[-1].id


def repoint_again(
    tx: Connection, keys: Sequence[str], now: datetime, rule_source: RuleSource
) -> None:
    """Settles cases and members' tasks that stood aside, once more; ``keys`` are ids of cases or
    references of members.
    """
    case_rows = rows(
        tx,
        "SELECT id::text AS id, owner FROM transfer_case WHERE id::text = ANY (:keys)",
        {"keys": list(keys)},
    )
    CASES.each_by_itself(
        tx,
        case_rows,
        lambda some: _repoint(tx, [row.id for row in some], now, rule_source),
        now,
        key=lambda row: row.id,
        organisation=lambda row: row.owner,
    )
    members = rows(tx, READ_MEMBERS + "WHERE m.member = ANY (:keys)", {"keys": list(keys)})
    context = rule_source.context(tx, now)
    MEMBERS.each_by_itself(
        tx,
        members,
        lambda some, context=context: refresh_members(tx, some, context),
        now,
        key=lambda row: row.member,
        organisation=lambda row: row.organisation,
    )


def _repoint(tx: Connection, ids: list[str], now: datetime, rule_source: RuleSource) -> int:
    context = rule_source.context(tx, now)
    standing, seen_by = tables.standing_tasks(tx, ids), _parties(tx, ids)
    changes = [
        change
        for case in tables.load(tx, ids).values()
        if (
            change := _change(case, standing.get(case.id, {}), seen_by.get(case.id, set()), context)
        )
    ]
    return len(tables.write(tx, changes, context, standing=standing))


def _change(
    case: Case, standing: Mapping[str, Task], seen_by: set[str], context: DecisionContext
) -> Change | None:
    after = deadlines.settle(_succeeded(case, context), context)
    # a header that a counterfoil names stays, as long as it stands above the destination
    above_destination = context.directory.within(case.destination, case.header)
    acts_itself = context.acting(case.header) == case.header
    astray = after.header != case.header and not (above_destination and acts_itself)
    as_named = after if astray else after.replace(header=case.header)
    owing = {task.organisation for task in deadlines.tasks(as_named, context)}
    owed_before = {task.organisation for task in standing.values()}
    with_a_part = {party["organisation"] for party in tables.off_both_lines(after, None, context)}
    moved = _parts(after) != _parts(case) or after.destination != case.destination
    nothing_left = owed_before <= owing and with_a_part <= seen_by
    if nothing_left and not moved and not astray:
        return None
    return Change(case, after, [Step("tree_changed", case.state, case.state, None)])


def _parties(tx: Connection, ids: list[str]) -> dict[str, set[str]]:
    parties_of: dict[str, set[str]] = {}
    for case, organisation in tx.exec_driver_sql(
        "SELECT case_id::text, organisation FROM case_party WHERE case_id = ANY (%s::uuid[])",
        (ids,),
    ):
        parties_of.setdefault(case, set()).add(organisation)
    return parties_of


_REMINDED = """SELECT DISTINCT t.organisation, m.organisation AS home
FROM task t
JOIN member m ON m.member = t.member
WHERE t.case_id IS NULL AND t.closed_at IS NULL"""
_AT = (
    READ_MEMBERS
    + f"""WHERE m.member > :after AND m.organisation = ANY (:homes) AND EXISTS (
    SELECT FROM task t WHERE t.member = m.member AND t.case_id IS NULL AND t.closed_at IS NULL)
AND {MEMBERS.not_aside("m.member")} ORDER BY m.member LIMIT :limit"""
)


def _members(engine: Engine, clock: Clock, rule_source: RuleSource) -> int:
    """Lets the tasks about members themselves (t12, t13) stand at who acts for their organisation;
    returns how many.
    """
    moved, after = 0, ""
    with engine.begin() as tx:
        context = rule_source.context(tx, clock.now())
        homes = [
            row.home
            for row in rows(tx, _REMINDED, {})
            if row.organisation != context.acting(row.home)
        ]
    while homes:
        with engine.begin() as tx:
            member_rows = rows(tx, _AT, {"after": after, "homes": homes, "limit": BATCH_ROWS_MAX})
            if not member_rows:
                break
            context = rule_source.context(tx, clock.now())
            done = MEMBERS.each_by_itself(
                tx,
                member_rows,
                lambda some, context=context: refresh_members(tx, some, context),
                context.now,
                key=lambda row: row.member,
                organisation=lambda row: row.organisation,
            )
            moved, after = moved + len(member_rows) - done.left_out, member_rows[-1].member
    return moved


def _succeeded(case: Case, context: DecisionContext) -> Case:
    """The case with the successor in the place of a destination, or receiver, that has ended:
    nobody arrives there.
    """
    if case.state not in BEFORE_ACCEPTED:
        return case
    heirs = {
        name: heir.code
        for name in ("destination", "receiver")
        if (code := getattr(case, name))
        and (heir := context.directory.successor(code, context.today))
        and heir.code != code
    }
    return case.replace(**heirs) if heirs else case


def _parts(case: Case) -> tuple:
    return tuple(getattr(case, name) for name in _DERIVED)


def rewrite_paths(tx: Connection, old_prefix: str, new_prefix: str) -> int:
    """Lets cases follow a part of the tree that moved; returns how many. Parts are derived anew by
    the next settle.
    """
    if old_prefix == new_prefix:
        return 0
    followed = tx.exec_driver_sql("SELECT case_paths_follow(%s, %s)", (old_prefix, new_prefix))
    return len(followed.all())
