"""What is wrong with an event, in sentences: the field, what stands there, and how to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from services.kit.errors import Refused, Text

FAULTS_SHOWN_MAX = 20
SENTENCES_IN_DETAIL_MAX = 3


class Fault(NamedTuple):
    """One thing wrong at a JSON Pointer (RFC 6901)."""

    pointer: str
    words: Text


class Invalid(Exception):
    """An event cannot be taken; `status` 422 unless said."""

    def __init__(
        self, faults: Sequence[Fault], status: int = 422, code: str = "invalid-event"
    ) -> None:
        super().__init__(code)
        self.faults = list(faults)
        self.status = status
        self.code = code

    def words(self) -> Text:
        """The first sentences, and how many more there are."""
        shown = self.faults[:SENTENCES_IN_DETAIL_MAX]
        more = len(self.faults) - len(shown)
        zh = "".join(fault.words.zh for fault in shown)
        en = " ".join(fault.words.en for fault in shown)
        if more:
            zh += f"另有 {more} 处，见 errors。"
            en += f" {more} more, see errors."
        return Text(zh, en)

    def refused(self, language: str) -> Refused:
        """The same as a problem for the edge."""
        errors = [
            {"pointer": fault.pointer, "detail": fault.words.in_language(language)}
            for fault in self.faults[:FAULTS_SHOWN_MAX]
        ]
        return Refused(self.status, self.code, self.words(), errors=errors)


def invalid(
    pointer: str, zh: str, en: str, status: int = 422, code: str = "invalid-event"
) -> Invalid:
    """A single fault."""
    return Invalid([Fault(pointer, Text(zh, en))], status, code)
