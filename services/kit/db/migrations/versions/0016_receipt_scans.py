"""Scans of receipts as PDF; which row of history a photo or scan is the evidence of."""

from __future__ import annotations

from alembic import op

revision = "0016_receipt_scans"
down_revision = "0015_tree"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        ALTER TABLE receipt_photo DROP CONSTRAINT receipt_photo_type_check;
        ALTER TABLE receipt_photo ADD CHECK (type IN ('image/jpeg', 'image/png', 'application/pdf'));
        ALTER TABLE receipt_photo ADD COLUMN seq int;   -- of the case's history row that was made with it
        ALTER TABLE receipt_photo ADD FOREIGN KEY (case_id, seq) REFERENCES case_event (case_id, seq);
        GRANT UPDATE (seq) ON receipt_photo TO guidui_worker;
    """)


def downgrade() -> None:
    op.execute("REVOKE UPDATE (seq) ON receipt_photo FROM guidui_worker")
    op.execute("DELETE FROM receipt_photo WHERE type = 'application/pdf'")
    op.execute(
        "ALTER TABLE receipt_photo DROP COLUMN seq, DROP CONSTRAINT receipt_photo_type_check"
    )
    op.execute("ALTER TABLE receipt_photo ADD CHECK (type IN ('image/jpeg', 'image/png'))")
