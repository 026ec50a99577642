"""Who may say what of whom (docs/interface.md §7.5): the one table that every posted event passes.
Pure.

What an organisation says that may not say it is kept as a *report*: shown to the member's line,
without effect. Two kinds of event are refused instead: the withdrawal or correction of what
somebody else posted, and a change of an organisation by anybody but a department above it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from services.registry.directory import Directory, Organisation

DEPARTMENT, MILITARY = "organisation_department", "military"


class Speaker(StrEnum):
    """In which relation to the person an organisation must stand for its word to count."""

    ANYBODY = "anybody"
    LINE = "line"
    ARMY_OR_DEPARTMENT = "army_or_department"
    HOST_OR_RECEIVER = "host_or_receiver"
    POSTER = "poster"
    DEPARTMENT_ABOVE = "department_above"


_DEPARTURE = frozenset({Speaker.LINE})
_SIGN = frozenset({Speaker.LINE, Speaker.HOST_OR_RECEIVER})
COUNTS_FROM: Mapping[str, frozenset[Speaker]] = {
    "guidui.departure.planned.v1": _DEPARTURE,
    "guidui.departure.effective.v1": _DEPARTURE,
    "guidui.retirement.scheduled.v1": _DEPARTURE,
    "guidui.labour_relation.ended.v1": _DEPARTURE,
    "guidui.graduation.batch.v1": _DEPARTURE,
    "guidui.demobilised.notice.v1": frozenset({Speaker.LINE, Speaker.ARMY_OR_DEPARTMENT}),
    "guidui.host.report.v1": frozenset({Speaker.ANYBODY}),
    "guidui.residence.changed.v1": frozenset({Speaker.ANYBODY}),
    "guidui.life.attended.v1": _SIGN,
    "guidui.dues.paid.v1": _SIGN,
    "guidui.contact.attempt.v1": _SIGN,
    "guidui.departure.withdrawn.v1": frozenset({Speaker.POSTER}),
    "guidui.organisation.changed.v1": frozenset({Speaker.DEPARTMENT_ABOVE}),
}
"""Kind of event -> whose word counts."""
SIGNS = frozenset(kind for kind, speakers in COUNTS_FROM.items() if speakers == _SIGN)


@dataclass(frozen=True, slots=True)
class Subject:
    """The member an event is about: the organisation they belong to, and who else answers for them
    now.

    ``responsible`` are the host of a floating registration, and whoever holds the arrival or
    received the member.
    """

    home: str
    responsible: Collection[str] = ()


def counts(kind: str, poster: str, subject: Subject, directory: Directory, today: date) -> bool:
    """Whether an event of that kind, posted by that organisation about that member, takes
    effect; else it is a report."""
    speakers = COUNTS_FROM[kind]
    if Speaker.ANYBODY in speakers:
        return True
    if Speaker.LINE in speakers and in_line(poster, subject.home, directory, today):
        return True
    if Speaker.ARMY_OR_DEPARTMENT in speakers and _army_or_department(directory.get(poster)):
        return True
    if Speaker.HOST_OR_RECEIVER not in speakers:
        return False
    return _acts_for(poster, subject.responsible, directory, today)


def in_line(code: str | None, home: str | None, directory: Directory, today: date) -> bool:
    """Whether an organisation stands in the line of a member who belongs to ``home``.

    The line: that organisation, every one above it, and every one below its nearest
    ``basic_committee``. Whoever acts for an organisation that has ended stands in its place.
    """
    if code is None or home is None:
        return False
    if _stands_in_line(code, home, directory):
        return True
    for organisation in directory.superiors(home):
        acting = directory.acting_for(organisation.code, today)
        if acting is None or acting.code == organisation.code:
            continue
        if _stands_in_line(code, acting.code, directory):
            return True
    return False


def changes_organisation(poster: str, organisation: str, directory: Directory) -> bool:
    """Whether the poster is an organisation department above the organisation."""
    sender = directory.get(poster)
    above = sender is not None and sender.kind == DEPARTMENT and organisation != poster
    return above and directory.within(organisation, poster)


def _stands_in_line(code: str, home: str, directory: Directory) -> bool:
    if directory.within(home, code):
        return True
    for superior in directory.superiors(home):
        if superior.kind == "basic_committee":
            return directory.within(code, superior.code)
    return False


def _army_or_department(organisation: Organisation | None) -> bool:
    return organisation is not None and (
        organisation.unit == MILITARY or organisation.kind == DEPARTMENT
    )


def _acts_for(poster: str, codes: Collection[str], directory: Directory, today: date) -> bool:
    for code in codes:
        acting = directory.acting_for(code, today)
        if poster == code or acting is not None and poster == acting.code:
            return True
    return False
