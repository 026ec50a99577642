"""Ways to hand a notice over. A channel is one file with one verb: `send(notice)`, or
`ChannelError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Notice:
    """A rendered message to one recipient. `id` is the same on every repetition; nothing in it is
    personal but `address`.
    """

    id: UUID
    address: str
    subject: str
    text: str
    language: str
    at: datetime


class ChannelError(Exception):
    """The channel did not take the notice.

    `permanent`: this address will never take it. `unknown`: the call broke off and it may have been
    taken all the same. `retry_after`: what the other side asked us to wait.
    """

    def __init__(
        self,
        reason: str,
        *,
        permanent: bool = False,
        unknown: bool = False,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(reason)
        self.permanent, self.unknown, self.retry_after = permanent, unknown, retry_after


class Channel(Protocol):
    """What every channel is. `disturbs`: it reaches a person's pocket, so it keeps quiet hours."""

    disturbs: bool

    def send(self, notice: Notice) -> None: ...


Channels = Mapping[str, Channel]
