"""The trace that opening a list of members leaves: one row a list, with how many it showed,
never one a member.
"""

from __future__ import annotations

from uuid import uuid4

from services.portal.context import Portal
from services.registry.access import Caller


def opened(portal: Portal, caller: Caller, person: str | None, name: str, shown: int) -> None:
    """Keeps that a caller opened the list ``name``; an empty one shows nobody and leaves no
    trace.
    """
    if not shown:
        return
    with portal.worker.begin() as tx:
        tx.exec_driver_sql(
            "INSERT INTO list_look (id, organisation, path, person, list, shown, at) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (uuid4(), caller.organisation, caller.path, person, name, shown, portal.clock.now()),
        )
