"""What the notifier does with a batch of messages: opened tasks become notices, closed ones end
theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from sqlalchemy import Connection

from schemas.envelope import Message
from services.kit.clock import Clock
from services.kit.errors import Poison, Words
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
        opened = {
            task["id"]: task | {"case": m.body.get("case"), "at": m.body["at"]}
            for m in messages
            for task in m.body.get("tasks_opened", ())
        }
        closed = [task for m in messages for task in m.body.get("tasks_closed", ())]
        if opened:
            organisations = {task["organisation"] for task in opened.values()}
            whom = whom_to_tell(tx, organisations, clock, channels, rules)
            tables.write_notices(tx, list(opened.values()), whom, clock.now(), rules.urgent)
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
) -> dict[str, Sequence[Recipient]]:
    """The recipients today of each organisation: one statement, or two where somebody's prompts
    climb.
    """
    today = clock.now().date()
    book = queries.directory(tx, organisations, today, policy.bounces_max, without)
    unknown = next((code for code in organisations if code not in book), None)
    if unknown is not None:
        raise Poison(
            Words(f"登记册中没有党组织 {unknown}", f"the register has no organisation {unknown}")
        )
    return {
        code: recipients(book[code], book, today, channels, policy.bounces_max, without)
        for code in organisations
    }
