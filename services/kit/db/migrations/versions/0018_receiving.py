"""Acts of a receiving organisation for all of a batch that are in its hands, and what each came to."""

from __future__ import annotations

from alembic import op

from services.kit.db.migrations.row_security import BELOW, row_security

revision = "0018_receiving"
down_revision = "0017_undo"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE batch_order (
            id uuid PRIMARY KEY,
            number bigint GENERATED ALWAYS AS IDENTITY,  -- the order in which they were given
            parent uuid NOT NULL,                       -- the bulk case, which the receiver does not see
            organisation text NOT NULL,
            path text NOT NULL,
            by_person text,
            command text NOT NULL,
            args jsonb NOT NULL,
            start_on date,                              -- not before this day
            paused boolean NOT NULL DEFAULT false,
            at timestamptz NOT NULL,
            done_at timestamptz
        );
        CREATE INDEX batch_order_path ON batch_order (path text_pattern_ops);
        CREATE INDEX batch_order_open ON batch_order (number) WHERE done_at IS NULL;
        CREATE TABLE batch_order_outcome (
            batch_order uuid NOT NULL REFERENCES batch_order,
            case_id uuid NOT NULL,
            status int NOT NULL,                        -- 200, or that of the refusal
            zh text,
            en text,
            at timestamptz NOT NULL,
            PRIMARY KEY (batch_order, case_id)
        );
        GRANT SELECT ON batch_order, batch_order_outcome TO guidui_web;
        GRANT SELECT, INSERT ON batch_order, batch_order_outcome TO guidui_worker;
        GRANT UPDATE (paused, done_at) ON batch_order TO guidui_worker;
    """)
    op.execute(
        row_security(
            {
                "batch_order": BELOW,
                "batch_order_outcome": "EXISTS (SELECT FROM batch_order o WHERE o.id = batch_order)",
            }
        )
    )


def downgrade() -> None:
    op.execute("DROP TABLE batch_order_outcome, batch_order")
