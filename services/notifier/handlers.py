"""What the notifier does with a batch of messages: opened tasks become notices, closed ones end
theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy import Connection

from schemas.envelope import Message
from services.kit.clock import Clock
from services.kit.errors import Poison, Text
from services.notifier import queries, tables
from services.notifier.policy import Policy, default_policy
from services.notifier.recipients import PORTAL, Recipient, recipients

DEFAULT_CHANNELS = frozenset({PORTAL, "email"})
Handler = Callable[[Connection, Sequence[Message]], None]


def notifier(
    clock: Clock, channels: Collection[str] = DEFAULT_CHANNELS, policy: Policy | None = None
) -> Handler:
    """The handler of the topics `cases` and `tasks`: one notice per recipient of every opened task.

    Bodies hold `at`, `tasks_opened` and `tasks_closed`. At most four statements a batch; a notice's
    id follows from task and recipient, so a repetition writes nothing. An organisation that the
    register does not know is `Poison`.
    """
    rules = policy or default_policy()

    def handle(tx: Connection, messages: Sequence[Message]) -> None:
        opened = _opened(messages)
        if opened:
            organisations = {task["organisation"] for task in opened}
            whom = whom_to_tell(tx, organisations, clock, channels, rules)
            tables.write_notices(tx, opened, whom, clock.now(), rules.urgent)
        closed = _closed(messages)
        if closed:
            tables.close_notices(tx, closed)

    return handle


def _opened(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The tasks that messages open, each with its case and the time; a task told twice as it was
    told last.
    """
    opened: dict[str, dict[str, Any]] = {}
    for message in messages:
        of_message = {"case": message.body.get("case"), "at": message.body["at"]}
        for task in message.body.get("tasks_opened", ()):
            opened[task["id"]] = task | of_message
    return list(opened.values())


def _closed(messages: Sequence[Message]) -> list[str]:
    """The ids of the tasks that messages close."""
    closed: list[str] = []
    for message in messages:
        closed += message.body.get("tasks_closed", ())
    return closed


def whom_to_tell(
    tx: Connection,
    organisations: Collection[str],
    clock: Clock,
    channels: Collection[str],
    policy: Policy,
    without: Collection[str] = (),
) -> dict[str, Sequence[Recipient]]:
    """The recipients today of each organisation: one statement, or two where somebody's prompts
    climb.
    """
    today = clock.now().date()
    book = queries.directory(tx, organisations, today, policy.bounces_max, without)
    for code in organisations:
        if code not in book:
            raise Poison(
                Text(f"登记册中没有党组织 {code}", f"the register has no organisation {code}")
            )
    return {
        code: recipients(book[code], book, today, channels, policy.bounces_max, without)
        for code in organisations
    }
