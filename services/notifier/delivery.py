"""The delivery loop: due notices are claimed, checked, handed to their channel, and what came of it
is written down.

A message takes three short transactions: claim (for all messages of a round), check with the
attempt row, and outcome. None is open while the channel is called. A process that dies in between
leaves an attempt without outcome and a lease that runs out: the notices are due again under the
same message id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID, uuid4, uuid5

import structlog
from sqlalchemy import Connection, Engine

from services.kit.clock import Clock
from services.kit.db import locks
from services.kit.db.engine import Record
from services.kit.db.locks import Lock
from services.kit.retry import is_infrastructure
from services.notifier import queries, tables
from services.notifier.channels import ChannelError, Channels, Notice
from services.notifier.handlers import whom_to_tell
from services.notifier.policy import (
    Policy,
    Rests,
    default_policy,
    next_send_time,
    retry_delay,
    weekend,
)
from services.notifier.recipients import Contact, obstacle
from services.notifier.rendering import Item, render
from services.registry.bounces import note_bounce, note_delivery

log = structlog.get_logger()


@dataclass(frozen=True)
class DeliveryContext:
    """What a round of delivery works with: where, when, through which channels, and in whose
    words.
    """

    engine: Engine
    clock: Clock
    channels: Channels
    policy: Policy
    url: str
    language: str


@dataclass(frozen=True)
class OutgoingMessage:
    """Claimed notices that travel as one message; `attempts` counts this one."""

    id: UUID
    ids: tuple[UUID, ...]
    contact: UUID
    channel: str
    attempts: int
    lease: UUID

    @property
    def attempt(self) -> UUID:
        """The id of this attempt: a repetition has the same."""
        return uuid5(self.id, str(self.attempts))


def deliver_due(  # noqa: PLR0913
    engine: Engine,
    clock: Clock,
    channels: Channels,
    limit: int = 100,
    *,
    rests: Rests = weekend,
    url: str = "http://127.0.0.1:8000",
    language: str = "zh-CN",
    policy: Policy | None = None,
) -> int:
    """Handles the `limit` messages that are due the longest and returns how many there were; 0:
    nothing is due.

    Several notices to one contact travel as one message. Channels that reach people keep quiet
    hours and the days on which `rests(day)` is true; `url` is the portal's, for links; `language`
    is `zh-CN` or `en`. Several processes may call it.
    """
    context = DeliveryContext(engine, clock, channels, policy or default_policy(), url, language)
    messages = _claim(context, rests, limit)
    faults: list[Exception] = []
    for message in messages:
        try:
            _hand_over(context, message)
        except Exception as fault:  # it stays for a later round and does not hold up the others
            faults.append(fault)
    if faults:
        raise faults[0]
    return len(messages)


def _put_aside(context: DeliveryContext, message: OutgoingMessage, fault: Exception) -> None:
    """A message that cannot even be made ready: its notices wait on the dead-letter desk, given
    back.
    """
    now = context.clock.now()
    with context.engine.begin() as tx:
        for notice in queries.claimed(tx, message.ids, message.lease):
            queries.DELIVERING.put_aside(tx, str(notice["id"]), fault, now, notice["organisation"])
            tables.put_back(tx, [notice["id"]], now)


def _claim(context: DeliveryContext, rests: Rests, limit: int) -> list[OutgoingMessage]:
    """Takes the messages that are due the longest, once quiet hours and digests have had their
    say.
    """
    now = context.clock.now()
    policy = context.policy
    disturbing = [name for name, channel in context.channels.items() if channel.disturbs]
    opens = next_send_time(now, rests, policy)
    lease = uuid4()
    with context.engine.begin() as tx:
        tables.release_expired_leases(tx, now)
        if opens > now:
            tables.defer(tx, disturbing, now, opens)
        tables.digest(tx, disturbing, now, policy.gather)
        channels = list(context.channels)
        claimed = tables.claim(tx, channels, now, now + policy.lease, lease, limit)
    in_order = sorted(claimed, key=lambda notice: (notice["first"], *_of_message(notice)))
    return [
        _message(list(notices), lease)
        for _, notices in groupby(
            in_order, key=lambda notice: (notice["letter"], notice["channel"])
        )
    ]


def _of_message(notice: Record) -> tuple[UUID, str, UUID]:
    """What notices are ordered by, so that those of one message stand together."""
    return notice["letter"], notice["channel"], notice["id"]


def _message(notices: Sequence[Record], lease: UUID) -> OutgoingMessage:
    """Claimed notices as one message: the one they travelled as before, else a new one."""
    first = notices[0]
    ids = tuple(notice["id"] for notice in notices)
    others = [str(notice) for notice in ids[1:]]
    new = uuid5(ids[0], " ".join([first["first"].isoformat(), *others]))
    return OutgoingMessage(
        id=first["mail"] or new,
        ids=ids,
        contact=first["contact"],
        channel=first["channel"],
        attempts=first["attempts"] + 1,
        lease=lease,
    )


def _hand_over(context: DeliveryContext, message: OutgoingMessage) -> None:
    try:
        with context.engine.begin() as tx:
            notice = _check(tx, context, message)
    except Exception as fault:
        if is_infrastructure(fault):
            raise
        _put_aside(context, message, fault)
        return
    if notice is None:
        return
    try:
        context.channels[message.channel].send(notice)
    except ChannelError as error:
        _write_failure(context, message, error)
    except Exception as error:
        _write_failure(context, message, ChannelError(type(error).__name__, unknown=True))
        raise
    else:
        _write_success(context, message)


def _check(tx: Connection, context: DeliveryContext, message: OutgoingMessage) -> Notice | None:
    """Reads the notices again: those whose task is done, or whose contact is not to be written to
    any more, are not sent.

    For the rest the attempt row is written and the message rendered; None where nothing is left or
    the channel is full.
    """
    notices = queries.claimed(tx, message.ids, message.lease)
    done = [notice["id"] for notice in notices if notice["done"]]
    if done:
        tables.not_sent(tx, done, "done")
    standing = [notice for notice in notices if not notice["done"]]
    if not standing or not _may_go(tx, context, message, standing):
        return None
    now = context.clock.now()
    attempt = {
        "id": message.attempt,
        "mail": message.id,
        "contact": message.contact,
        "path": standing[0]["path"],
        "channel": message.channel,
        "now": now,
    }
    tables.begin_attempt(tx, attempt, _ids(standing), message.attempts)
    subject, text = render(
        [_item(notice, context.policy) for notice in standing],
        now.date(),
        context.url,
        context.language,
        context.policy.lines_max,
    )
    address = standing[0]["email"] or ""
    return Notice(message.id, address, subject, text, context.language, now)


def _may_go(
    tx: Connection, context: DeliveryContext, message: OutgoingMessage, notices: Sequence[Record]
) -> bool:
    """Whether a message may be handed over now; if not, what becomes of its notices is written."""
    now = context.clock.now()
    policy = context.policy
    gone = _gone(notices[0], message.channel, now, policy)
    if gone:
        tables.not_sent(tx, _ids(notices), gone)
        _tell_others(tx, context, notices, message.contact)
        return False
    if message.attempts > len(policy.retry_delays):
        # every attempt ended with the death of its process
        tables.failed(tx, _ids(notices), message.lease, "no attempt is left")
        _tell_others(tx, context, notices, message.contact)
        return False
    free_at = _free_at(tx, message.channel, now, policy)
    if free_at > now:
        tables.put_back(tx, _ids(notices), free_at)
        return False
    return True


def _ids(notices: Sequence[Record]) -> list[UUID]:
    return [notice["id"] for notice in notices]


def _gone(notice: Record, channel: str, now: datetime, policy: Policy) -> str | None:
    """Why the contact of a notice is not to be written to now, or None."""
    if notice["contact"] is None or (channel == "email" and not notice["email"]):
        return "post_ended"
    contact = Contact(
        notice["contact"],
        notice["channel"],
        notice["email"],
        notice["since"],
        notice["until"],
        notice["bounced_count"],
    )
    return obstacle(contact, now.date(), policy.bounces_max)


def _free_at(tx: Connection, channel: str, now: datetime, policy: Policy) -> datetime:
    """When the channel's caps next allow a message; `now` where they do. Holds the channel until
    the transaction ends.
    """
    caps = policy.caps.get(channel, [])
    if caps:
        locks.hold(tx, Lock.CHANNEL, channel)
    free_at = now
    for cap in caps:
        window = timedelta(seconds=cap["per"])
        count, first = queries.attempts_since(tx, channel, now - window)
        if count >= cap["most"] and first is not None:
            free_at = max(free_at, first + window)
    return free_at


def _item(notice: Record, policy: Policy) -> Item:
    has_superior = notice["path"].count(".") > 1
    may_climb = notice["kind"] in policy.climbs and notice["because"] is None
    return Item(
        kind=notice["kind"],
        act=notice["act"],
        due_on=notice["due_on"],
        organisation=notice["organisation_name"],
        recipient=notice["recipient_name"],
        because=notice["because"],
        case=str(notice["case_id"]) if notice["case_id"] else None,
        climbs=may_climb and has_superior,
        persons=notice["persons"] or 1,
    )


def _write_success(context: DeliveryContext, message: OutgoingMessage) -> None:
    now = context.clock.now()
    with context.engine.begin() as tx:
        tables.end_attempt(tx, message.attempt, "sent", now)
        tables.sent(tx, message.ids, message.lease, now)
        note_delivery(tx, message.contact)
    log.info(
        "notice_sent",
        mail=str(message.id),
        channel=message.channel,
        notices=len(message.ids),
        attempts=message.attempts,
    )


def _write_failure(context: DeliveryContext, message: OutgoingMessage, error: ChannelError) -> None:
    now = context.clock.now()
    why = str(error)
    delay = None
    if not error.permanent:
        delay = retry_delay(str(message.id), message.attempts, context.policy)
    outcome = "unknown" if error.unknown else "failed"
    with context.engine.begin() as tx:
        tables.end_attempt(tx, message.attempt, outcome, now, why)
        if error.permanent:
            note_bounce(tx, message.contact)
        if delay is not None:
            due_at = now + max(delay, error.retry_after or delay)
            tables.retry(tx, message.ids, message.lease, due_at, why)
        else:
            _give_up(tx, context, message, why)
    log.warning(
        "notice_not_taken",
        mail=str(message.id),
        channel=message.channel,
        attempts=message.attempts,
        reason=why,
        permanent=error.permanent,
        unknown=error.unknown,
        last=delay is None,
    )


def _give_up(tx: Connection, context: DeliveryContext, message: OutgoingMessage, why: str) -> None:
    """No attempt is left: others are told, as far as the tasks still stand."""
    notices = queries.claimed(tx, message.ids, message.lease)
    tables.failed(tx, message.ids, message.lease, why)
    standing = [notice for notice in notices if not notice["done"]]
    _tell_others(tx, context, standing, message.contact)


def _tell_others(
    tx: Connection, context: DeliveryContext, notices: Sequence[Record], contact: UUID
) -> None:
    """What one contact could not be told goes to the other contacts of the organisation, or one
    level up.
    """
    if not notices:
        return
    now = context.clock.now()
    whom = whom_to_tell(
        tx,
        {notice["organisation"] for notice in notices},
        context.clock,
        context.channels,
        context.policy,
        {str(contact)},
    )
    for stage in sorted({notice["stage"] for notice in notices}):
        tasks = [_task(notice, now) for notice in notices if notice["stage"] == stage]
        tables.write_notices(tx, tasks, whom, now, context.policy.urgent, stage)


def _task(notice: Record, now: datetime) -> dict[str, Any]:
    """The task of a notice, to be told anew."""
    return {
        "id": notice["task"],
        "case": notice["case_id"],
        "kind": notice["kind"],
        "act": notice["act"],
        "due_on": notice["due_on"],
        "organisation": notice["organisation"],
        "at": now,
    }
