"""Who may post: the key's caller, in a role that sends, in its own organisation's name."""

from __future__ import annotations

from typing import Any

from schemas.departures import SOURCE_PREFIX
from services.intake.faults import invalid
from services.intake.sentences import shown
from services.kit.errors import Refused, Text
from services.registry.access import Caller

SENDING_ROLES = ("sender", "admin")


def require_sender(caller: Caller) -> Caller:
    """Raises Refused(403) for a role that reads and decides but does not send."""
    if caller.role not in SENDING_ROLES:
        raise Refused(
            403,
            "role-may-not-send",
            Text(
                f"这把密钥的角色是 {caller.role}，不能报送事件；请管理员为本组织发一把 sender "
                f"密钥。",
                f"This key's role is {caller.role}, which may not post events; ask for a sender "
                f"key.",
            ),
        )
    return caller


def require_own_source(attributes: Any, caller: Caller) -> None:
    """Raises Invalid(403) for an event in another organisation's name; one without a source is the
    parser's.
    """
    source = attributes.get("source") if isinstance(attributes, dict) else None
    if source is not None and source != SOURCE_PREFIX + caller.own_organisation:
        raise invalid(
            "/source",
            f"source 是 {shown(source).zh}，而密钥属于 {caller.organisation}；"
            f"只能以本组织的名义发送。",
            f"source is {shown(source).en}, but the key belongs to {caller.organisation}; send in "
            "your own name only.",
            status=403,
            code="not-your-source",
        )
