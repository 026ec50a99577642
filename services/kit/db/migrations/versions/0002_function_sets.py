"""Which sets of functions a database has had, so that a program knows whether its own is there."""

from __future__ import annotations

from alembic import op

revision = "0002_function_sets"
down_revision = "0001_baseline"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE function_set (
            digest text PRIMARY KEY,                    -- SHA-256 over the files of functions
            turn bigint GENERATED ALWAYS AS IDENTITY    -- the highest is the set in force
        );
        COMMENT ON TABLE function_set IS 'every set of functions that was ever in force';
        GRANT SELECT ON function_set TO guidui_worker
    """)


def downgrade() -> None:
    op.execute("DROP TABLE function_set")
