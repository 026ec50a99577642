"""What the notifier does with a batch of messages: opened tasks become notices, closed ones end theirs."""
from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Connection

from schemas.envelope import Message
from services.kit.clock import Clock
from services.kit.errors import Poison, Words
from services.notifier import queries, tables
from services.notifier.policy import Policy, default_policy
from services.notifier.recipients import PORTAL, Recipient, recipients

NAMESPACE_NOTICE = uuid5(NAMESPACE_URL, "urn:guidui:notice")
DEFAULT_CHANNELS = frozenset({PORTAL, "email"})
Handler = Callable[[Connection, Sequence[Message]], None]


def notifier(
    clock: Clock, channels: Collection[str] = DEFAULT_CHANNELS, policy: Policy | None = None
) -> Handler:
    """The handler of the topics `cases` and `tasks`: one notice per recipient of every opened task.

    Bodies hold `at`, `tasks_opened` and `tasks_closed`. At most five statements a batch; ids are uuid5(task, recipient), so a
    repetition writes nothing. An organisation that the register does not know is `Poison`.
    """
    rules = policy or default_policy()

    def handle(tx: Connection, messages: Sequence[Message]) -> None:
        opened = [(m.body, task) for m in messages for task in m.body.get("tasks_opened", ())]
        closed = [(task, m.body["at"]) for m in messages for task in m.body.get("tasks_closed", ())]
        if opened:
            whom = whom_to_tell(tx, {task["organisation"] for _, task in opened}, clock, channels, rules)
            tables.write_notices(tx, list(rows(opened, whom, rules)), clock.now())
        if closed:
            tables.close_notices(tx, closed)

    return handle


def whom_to_tell(
    tx: Connection,
    organisations: Collection[str],
    clock: Clock,
    channels: Collection[str],
    policy: Policy,
    without: Collection[str] = (),
) -> Callable[[str], Sequence[Recipient]]:
    """Organisation code -> its recipients today, from one statement, or two where somebody's prompts climb."""
    today = clock.now().date()
    book = queries.directory(tx, organisations, today, policy.bounces_max, without)

    @cache
    def whom(code: str) -> Sequence[Recipient]:
        if code not in book:
            raise Poison(Words(f"登记册中没有党组织 {code}", f"the register has no organisation {code}"))
        return recipients(book[code], book, today, channels, policy.bounces_max, without)

    return whom


def rows(
    opened: Iterable[tuple[dict, dict]], whom: Callable[[str], Sequence[Recipient]], policy: Policy
) -> Iterable[dict]:
    """The notice rows of opened tasks: (message body, task) pairs."""
    for body, task in opened:
        for recipient in whom(task["organisation"]):
            yield row(task, body.get("case"), body["at"], recipient, policy)


def row(task: dict, case: str | None, due_at: str, recipient: Recipient, policy: Policy, stage: str = "opened") -> dict:
    """One notice row as tables.write_notices takes it. The inbox is handed over by the commit that writes it."""
    who = recipient.contact or recipient.organisation
    return {
        "id": uuid5(NAMESPACE_NOTICE, f"{stage}:{task['id']}:{who}"),
        "task": task["id"],
        "stage": stage,
        "case_id": case,
        "kind": task["kind"],
        "act": task["act"],
        "due_on": task["due_on"],
        "organisation": task["organisation"],
        "recipient": recipient.organisation,
        "path": recipient.path,
        "contact": recipient.contact,
        "channel": recipient.channel,
        "because": recipient.because,
        "urgent": task["kind"] in policy.urgent,
        "due_at": due_at,
    }
