"""Who may post: the key's caller, in a role that sends."""
from __future__ import annotations

from services.kit.errors import Refused, Words
from services.registry.access import Caller

SENDING_ROLES = ("sender", "admin")


def require_sender(caller: Caller) -> Caller:
    """Raises Refused(403) for a role that reads and decides but does not send."""
    if caller.role not in SENDING_ROLES:
        raise Refused(403, "role-may-not-send", Words(
            f"这把密钥的角色是 {caller.role}，不能报送事件；请管理员为本组织发一把 sender 密钥。",
            f"This key's role is {caller.role}, which may not post events; ask for a sender key of your organisation."))
    return caller
