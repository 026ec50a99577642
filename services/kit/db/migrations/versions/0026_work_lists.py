"""The work list of an organisation read by its indexes, however many cases its tree has."""

from __future__ import annotations

from alembic import op

revision = "0026_work_lists"
down_revision = "0025_commands"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE INDEX task_own ON task (organisation, case_id, due_on) INCLUDE (kind, path) WHERE closed_at IS NULL;
        CREATE INDEX transfer_case_wait ON transfer_case (wait_organisation, wait_act)
            WHERE wait_organisation IS NOT NULL;
    """)


def downgrade() -> None:
    op.execute("DROP INDEX transfer_case_wait, task_own")
