"""Row-level security of tables, the same form for all: owner and worker see every row, a page what
its caller may.
"""

from __future__ import annotations

from collections.abc import Mapping

RANGE = (
    "{0} ~>=~ nullif(current_setting('guidui.lo', true), '') "
    "AND {0} ~<~ nullif(current_setting('guidui.hi', true), '')"
)
"""Condition on a path: the caller's organisation and what lies below it."""
BELOW = RANGE.format("path")


def row_security(visible: Mapping[str, str | None]) -> str:
    """SQL that puts tables under row-level security; for each the condition for the role of pages,
    None: none at all.
    """
    return "".join(
        f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY owner_all ON {table} TO CURRENT_USER USING (true) WITH CHECK (true);
        CREATE POLICY worker_all ON {table} TO guidui_worker USING (true) WITH CHECK (true);
        """
        + (
            f"CREATE POLICY viewer ON {table} FOR SELECT TO guidui_web USING ({condition});\n"
            if condition
            else ""
        )
        for table, condition in visible.items()
    )
