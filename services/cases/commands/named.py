"""What the arguments of a command name, looked up as the caller: row-level security says what
there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from services.cases.commands.argument_kinds import Kind, named_in
from services.cases.commands.arguments import Named, canonical
from services.cases.store import tables
from services.cases.views import queries
from services.kit.db.engine import rows
from services.registry.access import Caller


def look_up(tx: Connection, caller: Caller, command: str, args: Mapping[str, Any]) -> Named:
    """The cases that ``args`` name and in which the caller, or an organisation below it, has a
    part.
    """
    wanted = [
        ident for name in named_in(command, Kind.CASE) if (ident := canonical(str(args.get(name))))
    ]
    if not wanted:
        return Named()
    queries.look_at_cases(tx, caller)
    seen = rows(
        tx,
        "SELECT id::text AS id FROM transfer_case WHERE id = ANY (CAST(:ids AS uuid[]))",
        {"ids": wanted},
    )
    with queries.as_worker(tx):
        return Named(tables.load(tx, [row.id for row in seen]))
