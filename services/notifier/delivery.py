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
    office = DeliveryContext(engine, clock, channels, policy or default_policy(), url, language)
    mails = _claim(office, rests, limit)
    faults: list[Exception] = []
    for mail in mails:
        try:
            _hand_over(office, mail)
        except Exception as fault:  # it stays for a later round and does not hold up the others
            faults.append(fault)
    if faults:
        raise faults[0]
    return len(mails)


def _put_aside(office: DeliveryContext, mail: OutgoingMessage, fault: Exception) -> None:
    """A message that cannot even be made ready: its notices wait on the dead-letter desk, given
    back.
    """
    now = office.clock.now()
    with office.engine.begin() as tx:
        for notice in queries.claimed(tx, mail.ids, mail.lease):
            queries.DELIVERING.put_aside(tx, str(notice["id"]), fault, now, notice["organisation"])
            tables.put_back(tx, [notice["id"]], now)


def _claim(office: DeliveryContext, rests: Rests, limit: int) -> list[OutgoingMessage]:
    now, policy = office.clock.now(), office.policy
    disturbing = [name for name, channel in office.channels.items() if channel.disturbs]
    opens = next_send_time(now, rests, policy)
    with office.engine.begin() as tx:
        tables.release_expired_leases(tx, now)
        if opens > now:
            tables.defer(tx, disturbing, now, opens)
        tables.digest(tx, disturbing, now, policy.gather)
        lease = uuid4()
        claimed = tables.claim(tx, list(office.channels), now, now + policy.lease, lease, limit)
    claimed = sorted(claimed, key=lambda n: (n["first"], n["letter"], n["channel"], n["id"]))
    return [
        _mail(list(group), lease)
        for _, group in groupby(claimed, key=lambda n: (n["letter"], n["channel"]))
    ]


def _mail(notices: Sequence[Record], lease: UUID) -> OutgoingMessage:
    first, ids = notices[0], tuple(n["id"] for n in notices)
    new = uuid5(ids[0], " ".join([first["first"].isoformat(), *map(str, ids[1:])]))
    return OutgoingMessage(
        first["mail"] or new, ids, first["contact"], first["channel"], first["attempts"] + 1, lease
    )


def _hand_over(office: DeliveryContext, mail: OutgoingMessage) -> None:
    try:
        with office.engine.begin() as tx:
            notice = _check(tx, office, mail)
    except Exception as fault:
        if is_infrastructure(fault):
            raise
        _put_aside(office, mail, fault)
        return
    if notice is None:
        return
    try:
        office.channels[mail.channel].send(notice)
    except ChannelError as error:
        _write_failure(office, mail, error)
    except Exception as error:
        _write_failure(office, mail, ChannelError(type(error).__name__, unknown=True))
        raise
    else:
        _write_success(office, mail)


def _check(tx: Connection, office: DeliveryContext, mail: OutgoingMessage) -> Notice | None:
    """Reads the notices again: those whose task is done, or whose contact is not to be written to
    any more, are not sent.

    For the rest the attempt row is written and the message rendered; None where nothing is left or
    the channel is full.
    """
    now, policy = office.clock.now(), office.policy
    notices = queries.claimed(tx, mail.ids, mail.lease)
    done = [n["id"] for n in notices if n["done"]]
    if done:
        tables.not_sent(tx, done, "done")
    standing = [n for n in notices if not n["done"]]
    if not standing:
        return None
    gone = _gone(standing[0], mail.channel, now, policy)
    if gone:
        tables.not_sent(tx, [n["id"] for n in standing], gone)
        _tell_others(tx, office, standing, mail.contact)
        return None
    ids = [n["id"] for n in standing]
    if mail.attempts > len(
        policy.retry_delays
    ):  # every attempt ended with the death of its process
        tables.failed(tx, ids, mail.lease, "no attempt is left")
        _tell_others(tx, office, standing, mail.contact)
        return None
    free_at = _free_at(tx, mail.channel, now, policy)
    if free_at > now:
        tables.put_back(tx, ids, free_at)
        return None
    attempt = {
        "id": mail.attempt,
        "mail": mail.id,
        "contact": mail.contact,
        "path": standing[0]["path"],
        "channel": mail.channel,
        "now": now,
    }
    tables.begin_attempt(tx, attempt, ids, mail.attempts)
    subject, text = render(
        [_item(n, policy) for n in standing],
        now.date(),
        office.url,
        office.language,
        policy.lines_max,
    )
    return Notice(mail.id, standing[0]["email"] or "", subject, text, office.language, now)


def _gone(notice: Record, channel: str, now: datetime, policy: Policy) -> str | None:
    """Why the contact of a notice is not to be written to now, or None."""
    if notice["contact"] is None or (channel == "email" and not notice["email"]):
        return "post_ended"
    contact = Contact(
        *(notice[k] for k in ("contact", "channel", "email", "since", "until", "bounced_count"))
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
    return Item(
        kind=notice["kind"],
        act=notice["act"],
        due_on=notice["due_on"],
        organisation=notice["organisation_name"],
        recipient=notice["recipient_name"],
        because=notice["because"],
        case=str(notice["case_id"]) if notice["case_id"] else None,
        climbs=notice["kind"] in policy.climbs
        and notice["because"] is None
        and notice["path"].count(".") > 1,
        persons=notice["persons"] or 1,
    )


def _write_success(office: DeliveryContext, mail: OutgoingMessage) -> None:
    now = office.clock.now()
    with office.engine.begin() as tx:
        tables.end_attempt(tx, mail.attempt, "sent", now)
        tables.sent(tx, mail.ids, mail.lease, now)
        note_delivery(tx, mail.contact)
    log.info(
        "notice_sent",
        mail=str(mail.id),
        channel=mail.channel,
        notices=len(mail.ids),
        attempts=mail.attempts,
    )


def _write_failure(office: DeliveryContext, mail: OutgoingMessage, error: ChannelError) -> None:
    now, why = office.clock.now(), str(error)
    delay = None if error.permanent else retry_delay(str(mail.id), mail.attempts, office.policy)
    with office.engine.begin() as tx:
        tables.end_attempt(tx, mail.attempt, "unknown" if error.unknown else "failed", now, why)
        if error.permanent:
            note_bounce(tx, mail.contact)
        if delay is not None:
            tables.retry(
                tx, mail.ids, mail.lease, now + max(delay, error.retry_after or delay), why
            )
        else:
            notices = queries.claimed(tx, mail.ids, mail.lease)
            tables.failed(tx, mail.ids, mail.lease, why)
            _tell_others(tx, office, [n for n in notices if not n["done"]], mail.contact)
    log.warning(
        "notice_not_taken",
        mail=str(mail.id),
        channel=mail.channel,
        attempts=mail.attempts,
        reason=why,
        permanent=error.permanent,
        unknown=error.unknown,
        last=delay is None,
    )


def _tell_others(
    tx: Connection, office: DeliveryContext, notices: Sequence[Record], contact: UUID
) -> None:
    """What one contact could not be told goes to the other contacts of the organisation, or one
    level up.
    """
    if not notices:
        return
    now = office.clock.now()
    whom = whom_to_tell(
        tx,
        {n["organisation"] for n in notices},
        office.clock,
        office.channels,
        office.policy,
        {str(contact)},
    )
    for stage in sorted({n["stage"] for n in notices}):
        tasks = [
            {
                "id": n["task"],
                "case": n["case_id"],
                "kind": n["kind"],
                "act": n["act"],
                "due_on": n["due_on"],
                "organisation": n["organisation"],
                "at": now,
            }
            for n in notices
            if n["stage"] == stage
        ]
        tables.write_notices(tx, tasks, whom, now, office.policy.urgent, stage)
