"""What is refused at the door because it is not the sender's to say (docs/interface.md §7.5): every
way in passes here.

Corrections and withdrawals of what somebody else posted, and changes of organisations by anybody
but a department above. What needs to know who the person is, the matcher judges.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from services.intake.faults import Invalid, invalid
from services.intake.parse import Posted
from services.registry.announcement_rights import DEPARTMENT, changes_organisation
from services.registry.changes import OWN
from services.registry.directory import Directory

ORGANISATION = "guidui.organisation.changed.v1"


def refusals(tx: Connection, events: Sequence[Posted]) -> dict[int, Invalid]:
    """Position -> why the event is not its sender's to post; those that may be posted are left
    out.
    """
    foreign = _posted_by_others(tx, events)
    refused: dict[int, Invalid] = {}
    for position, event in enumerate(events):
        if event.corrects in foreign:
            refused[position] = _not_your_event(event.corrects or "")
    changes = [position for position, event in enumerate(events) if event.type == ORGANISATION]
    directory = Directory.of(tx) if changes else None
    for position in changes:
        if directory is not None and not _may_change(events[position], directory):
            refused[position] = _not_below(events[position], directory)
    return refused


def _posted_by_others(tx: Connection, events: Sequence[Posted]) -> set[str]:
    """The ids that these events correct, and that other organisations posted and the senders did
    not.

    An id that nobody has posted is let through: a withdrawal may arrive before what it withdraws.
    """
    named = {event.corrects for event in events if event.corrects}
    coming = {event.ext_id for event in events}
    if not named - coming:
        return set()
    return set(
        tx.exec_driver_sql(
            "SELECT * FROM posted_by_others(%s, %s)",
            (events[0].organisation, sorted(named - coming)),
        ).scalars()
    )


def _may_change(event: Posted, directory: Directory) -> bool:
    """Whether the sender may change this organisation. One that is not in the register yet the
    matcher judges.
    """
    data = event.data
    poster = event.organisation
    about = _about(event)
    stated = data.keys() - {"organisation", "effective_on", "corrects"}
    if data.get("organisation") == poster and stated <= OWN:
        return True
    if about not in directory:
        return True
    if data.get("founded") and about == poster:
        return _is_department(poster, directory)
    return changes_organisation(poster, about, directory)


def _about(event: Posted) -> str:
    """The organisation that must lie below the sender: the one changed, or the new one's
    superior.
    """
    founded = event.data.get("founded") or {}
    return founded.get("parent") or event.data.get("organisation") or ""


def _is_department(code: str, directory: Directory) -> bool:
    organisation = directory.get(code)
    return organisation is not None and organisation.kind == DEPARTMENT


def _not_your_event(ext_id: str) -> Invalid:
    return invalid(
        "/data/corrects",
        f"编号 {ext_id} 的事件不是贵单位报送的；撤回和更正只能由原报送单位提出。",
        f"The event {ext_id} was not posted by your organisation; only whoever posted it "
        "withdraws or corrects it.",
        status=403,
        code="not-your-event",
    )


def _not_below(event: Posted, directory: Directory) -> Invalid:
    about, poster = _about(event), event.organisation
    if _is_department(poster, directory) and about != poster:
        zh = f"{about} 不在报送单位 {poster} 之下，请由双方共同的上级组织部门报送。"
        en = f"{about} does not stand below {poster}; a department above both must report this."
    else:
        zh = "组织的变更由其上级组织部门报送；本组织自己只能更新地址 address。"
        en = (
            "An organisation department above reports changes of an organisation; itself it may "
            "only report its address."
        )
    return invalid("/data/organisation", zh, en, status=403, code="no-department-above")
