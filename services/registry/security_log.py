"""The security log: who signed in, who was refused, which keys and accounts came and went. Added
to, never altered.

A row holds ids, codes and kinds. Nobody is named in it: what somebody typed stands there as an
HMAC, if at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine

from services.kit.clock import ZONE, Clock
from services.kit.db.engine import rows
from services.kit.errors import Text
from services.registry.access import Caller

KEPT = timedelta(days=400)
Result = Literal["done", "refused", "failed"]

EVENTS: Mapping[str, Text] = {
    "sign_in": Text("登录", "sign-in"),
    "sign_out": Text("退出登录", "sign-out"),
    "password_changed": Text("修改密码", "password changed"),
    "key_created": Text("发放密钥", "key created"),
    "key_revoked": Text("作废密钥", "key revoked"),
    "account_created": Text("开户", "account created"),
    "account_ended": Text("停用账户", "account ended"),
    "account_reset": Text("重置密码", "password reset"),
    "export": Text("导出或下载", "export or download"),
    "print": Text("打印", "print"),
    "refused": Text("越权被拒", "refused: not one's own"),
    "operator_act": Text("运维操作", "operator's act"),
}
"""What is kept, and how a page says it."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted, as the log knows them; all empty: the program itself, or nobody known."""

    organisation: str | None = None
    path: str = ""
    role: str | None = None
    account: UUID | None = None
    key_id: UUID | None = None

    @classmethod
    def of(cls, caller: Caller, account: UUID | None = None) -> Actor:
        """A caller, with the account where a person is signed in."""
        return cls(caller.organisation, caller.path, caller.role, account, caller.key_id)


NOBODY = Actor()
SHELL = Actor(role="operator")
"""Whoever runs the program on its machine: the operator, whose name the program does not know."""
REFUSALS_A_MINUTE_MAX = 60  # rows of one actor: somebody who tries in a loop fills no disk
_NOT_ABOUT_OTHERS = frozenset({"stale-form", "no-such-page", "no-such-file", "no-such-command"})
_FOREIGN = frozenset({"unknown-organisation", "merge-not-yours", "not-in-the-pool"})
_KEEP = """
INSERT INTO security_log (id, at, event, result, organisation, path, account, key_id, role,
                          object, reference, detail, trace)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""


def record(  # noqa: PLR0913
    where: Connection | Engine,
    at: datetime,
    event: str,
    actor: Actor,
    *,
    result: Result = "done",
    about: str | None = None,
    reference: object = None,
    detail: str | None = None,
    path: str | None = None,
    trace: str | None = None,
) -> None:
    """Keeps that something happened: with a transaction in it, with an engine of the workers in one
    of its own.

    `about` is the kind of thing (`key`, `account`, `case` …), `reference` the id of the key or
    account, or an HMAC; `detail` a code of the program's. `path`: of the organisation whose
    department reads the row, else the actor's. Raises ValueError for an event that this module does
    not list.
    """
    if event not in EVENTS:
        raise ValueError(f"{event} is no event of the security log")
    values = (
        uuid4(),
        at,
        event,
        result,
        actor.organisation,
        actor.path if path is None else path,
        actor.account,
        actor.key_id,
        actor.role,
        about,
        None if reference is None else str(reference),
        detail,
        trace,
    )
    if isinstance(where, Connection):
        where.exec_driver_sql(_KEEP, values)
        return
    with where.begin() as tx:
        tx.exec_driver_sql(_KEEP, values)


def is_beyond_ones_own(status: int, code: str) -> bool:
    """Whether a refusal says that somebody reached for what is not theirs (interface.md §7.5), or
    does not exist.
    """
    if code in _NOT_ABOUT_OTHERS:
        return False
    return (
        status == 403 or status in (404, 422) and (code.startswith("no-such-") or code in _FOREIGN)
    )


class Keeper:
    """Keeps what an application refuses and what leaves it, each in a transaction of its own."""

    def __init__(self, worker: Engine, clock: Clock) -> None:
        self._worker, self._clock = worker, clock
        self._counted: Counter[tuple[Any, datetime]] = Counter()

    def refused(
        self, actor: Actor | None, status: int, code: str, about: str | None, trace: str
    ) -> None:
        """A refusal of what is not one's own; those of nobody known, and more than 60 a minute of
        one actor, are left out.
        """
        if actor is None or not is_beyond_ones_own(status, code):
            return
        now = self._clock.now()
        place = (
            actor.account or actor.key_id or actor.organisation,
            now.replace(second=0, microsecond=0),
        )
        self._counted = Counter(
            {
                place_counted: n
                for place_counted, n in self._counted.items()
                if place_counted[1] == place[1]
            }
        )
        self._counted[place] += 1
        if self._counted[place] <= REFUSALS_A_MINUTE_MAX:
            record(
                self._worker,
                now,
                "refused",
                actor,
                result="refused",
                about=about,
                detail=code,
                trace=trace,
            )

    def taken_out(self, actor: Actor, how: str, about: str | None, trace: str) -> None:
        """Papers that somebody printed (`print`), a table or a file that somebody took
        (`export`).
        """
        record(self._worker, self._clock.now(), how, actor, about=about, trace=trace)


def listed(
    tx: Connection,
    *,
    event: str | None = None,
    limit: int = 100,
    after: Sequence[Any] | None = None,
) -> list[dict[str, Any]]:
    """Rows that this transaction sees, the newest first; `after` are time and id of the last row of
    the page before.
    """
    where, params = ["true"], {"event": event, "limit": limit}
    if event:
        where.append("event = :event")
    if after:
        where.append("(at, id) < (CAST(:at AS timestamptz), CAST(:id AS uuid))")
        params |= {"at": after[0], "id": after[1]}
    events = rows(
        tx,
        f"""SELECT id, at, event, result, organisation, account, key_id, role, object, reference,
            detail, trace
        FROM security_log WHERE {" AND ".join(where)} ORDER BY at DESC, id DESC LIMIT :limit""",
        params,
    )
    return [_shown(row) for row in events]


def forget(tx: Connection, now: datetime) -> int:
    """Removes what is older than 400 days; returns how many rows. Half a year stays whoever
    asks.
    """
    return tx.exec_driver_sql("SELECT security_log_forgets(%s)", (now - KEPT,)).scalar_one()


def _shown(row: Any) -> dict[str, Any]:
    ids = {name: str(row[name]) if row[name] else None for name in ("id", "account", "key_id")}
    return {**dict(row), **ids, "at": row["at"].astimezone(ZONE).isoformat()}
