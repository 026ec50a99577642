"""The words of a notice: what must be done, by when, how many, and where. Nothing personal can be
in them: the only free text they take from the database is names of organisations, and long numbers
in those are masked.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.kit.translations import Translator, translator
from services.notifier.sentences import ACTS, BECAUSE

LANGUAGES = ("zh-CN", "en")
NAME_CHARACTERS_MAX = 60
DESK = frozenset({"identify", "question"})
INFORMS = frozenset({"expected", "double_report", "seen_elsewhere", "permit", "other_channel"})
_LONG_NUMBER = re.compile(r"\d(?:[\s.·-]*\d){5,}[\s.·-]*[xX]?")
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


@dataclass(frozen=True)
class Item:
    """One notice in a message: `organisation` is the name of whose task it is, `recipient` that of
    who is told; `persons` how many the task is about.
    """

    kind: str
    act: str
    due_on: date | None
    organisation: str
    recipient: str
    because: str | None = None
    case: str | None = None
    climbs: bool = False
    persons: int = 1


@dataclass(frozen=True)
class Line:
    """Items of one organisation and one act together; `day` is the earliest due day, `late` its
    days past.
    """

    act: str
    count: int
    day: str | None
    late: int
    whose: str | None
    informs: bool


def render(
    items: Sequence[Item], today: date, url: str, language: str = "zh-CN", lines_max: int = 12
) -> tuple[str, str]:
    """Subject and text of the message that holds these items, the most pressing first; `url` is the
    portal's.
    """
    lines = list(_lines(items, today, language))
    late = sum(_days_late(item, today) > 0 for item in items)
    shown = lines if len(lines) <= lines_max else lines[:lines_max]
    translations = _translator(language)
    values = {
        "_": translations.gettext,
        "ngettext": translations.ngettext,
        "recipient": public_name(items[0].recipient),
        "lines": shown,
        "count": len(items),
        "late": late,
        "more": len(items) - sum(line.count for line in shown),
        "climbs": any(item.climbs and not _days_late(item, today) for item in items),
        "because": _because(items, language, lines_max),
        "link": url.rstrip("/") + _page(items),
    }
    templates = _templates()
    subject = templates.get_template("subject.txt").render(values)
    return " ".join(subject.split()), templates.get_template("message.txt").render(values)


def _page(items: Sequence[Item]) -> str:
    """Where the items are acted upon: the one case, the review desk, else where one's work
    begins.
    """
    cases = {item.case for item in items}
    if len(cases) == 1 and items[0].case:
        return f"/cases/{items[0].case}"
    return "/reviews" if {item.kind for item in items} <= DESK else "/"


def public_name(name: str) -> str:
    """The name of an organisation fit for a message: one line, not too long, numbers of six digits
    and more masked.
    """
    clean = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in name)
    masked = _LONG_NUMBER.sub("…", " ".join(clean.split()))
    return masked if len(masked) <= NAME_CHARACTERS_MAX else masked[: NAME_CHARACTERS_MAX - 1] + "…"


def day_words(day: date, today: date, language: str) -> str:
    """11月23日, or 23 November; with the year only where it is another one."""
    if language == "en":
        return f"{day.day} {_MONTHS[day.month - 1]}" + (
            "" if day.year == today.year else f" {day.year}"
        )
    return ("" if day.year == today.year else f"{day.year}年") + f"{day.month}月{day.day}日"


def act_words(kind: str, act: str, count: int, language: str) -> str:
    """The phrase for an act on `count` members (or persons who may be no members)."""
    translations = _translator(language)
    phrase = ACTS.get(f"{kind}.{act}") or ACTS.get(kind) or ACTS["other"]
    members = translations.ngettext(" {n} 名党员", count, n=count)
    persons = translations.ngettext(" {n} 人", count, n=count)
    return translations.gettext(phrase, members=members, persons=persons).strip()


def _lines(items: Sequence[Item], today: date, language: str):
    groups: dict[tuple, list[Item]] = {}
    for item in items:
        groups.setdefault(
            (item.organisation, item.kind, item.act, _days_late(item, today) > 0), []
        ).append(item)
    for (organisation, kind, act, _), group in sorted(
        groups.items(), key=lambda entry: _first_due(entry[1])
    ):
        due = min((item.due_on for item in group if item.due_on), default=None)
        yield Line(
            act=act_words(kind, act, sum(item.persons for item in group), language),
            count=len(group),
            day=day_words(due, today, language) if due else None,
            late=max(_days_late(item, today) for item in group),
            whose=public_name(organisation) if organisation != group[0].recipient else None,
            informs=kind in INFORMS,
        )


def _first_due(group: Sequence[Item]) -> tuple[bool, date]:
    """Acts before information, then the earliest due day."""
    return group[0].kind in INFORMS, min(item.due_on or date.max for item in group)


def _days_late(item: Item, today: date) -> int:
    return max(0, (today - item.due_on).days) if item.due_on and item.kind not in INFORMS else 0


def _because(items: Sequence[Item], language: str, sentences_max: int) -> list[str]:
    reasons = dict.fromkeys((item.because, item.organisation) for item in items if item.because)
    gettext = _translator(language).gettext
    return [
        gettext(BECAUSE[because], organisation=public_name(organisation))
        for because, organisation in list(reasons)[:sentences_max]
    ]


def _translator(language: str) -> Translator:
    """The translator into zh-CN or en."""
    return translator("services.notifier", language[:2])


@cache
def _templates() -> Environment:
    """Plain text, so nothing is escaped; values stand in no markup."""
    return Environment(
        loader=FileSystemLoader(str(files("services.notifier") / "templates")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
