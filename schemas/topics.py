"""The routing table on one screen: topic, what is on it, who reads it, what its partition key is.

Nothing personal is on any topic but `ingress`, which carries what senders post and is kept for 24
hours.
"""

from __future__ import annotations

from typing import NamedTuple

INGRESS, DEPARTURES, CASES, TASKS = "ingress", "departures", "cases", "tasks"

EVENT_POSTED = "guidui.event.posted.v1"
CASE_MOVED = "guidui.case.moved.v1"
TASK_OPENED = "guidui.task.opened.v1"


class Topic(NamedTuple):
    """One topic: its message types, its consumers, the meaning of its key, how many hours it is
    kept.
    """

    name: str
    types: tuple[str, ...]
    consumers: tuple[str, ...]
    key: str
    hours: int
    personal: bool = False
    about: str = ""


TOPICS: tuple[Topic, ...] = (
    Topic(
        INGRESS,
        ("guidui.*.v1",),
        ("intake",),
        "any; the sender chooses",
        24,
        personal=True,
        about="Each event carries its sender's API key in the CloudEvents extension attribute "
        "`guiduikey`, which is not stored.",
    ),
    Topic(
        DEPARTURES,
        (EVENT_POSTED,),
        ("matcher",),
        "HMAC of the person; for many persons, of the source",
        336,
    ),
    Topic(CASES, (CASE_MOVED,), ("matcher", "notifier"), "id of the case", 336),
    Topic(TASKS, (TASK_OPENED,), ("notifier",), "id of the case, else the member's reference", 336),
)
