"""What a command to a whole batch did to each of its members, and which are done with; bounces by their day.

Also the one way to take a statement out of a case.
"""

from __future__ import annotations

from alembic import op

from services.kit.db.migrations.row_security import row_security

revision = "0013_batches"
down_revision = "0012_policy"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE batch_outcome (
            parent uuid NOT NULL,
            seq int NOT NULL,                           -- of the parent's history row that gave the command
            case_id uuid NOT NULL,
            status int NOT NULL,                        -- 200, or that of the refusal
            zh text,
            en text,
            at timestamptz NOT NULL,
            PRIMARY KEY (parent, seq, case_id)
        );
        CREATE TABLE batch_done (
            parent uuid NOT NULL,
            seq int NOT NULL,
            at timestamptz NOT NULL,
            PRIMARY KEY (parent, seq)
        );
        CREATE INDEX case_event_bounces ON case_event (at) WHERE command IN ('refuse', 'return_for_cure');
        CREATE INDEX transfer_case_children ON transfer_case (parent, id) WHERE parent IS NOT NULL;
        CREATE INDEX transfer_case_batches ON transfer_case (id) WHERE state = 'bulk_open';
        -- what an event said of somebody else can be taken out, one person of one event at a time, and nothing more
        CREATE FUNCTION case_unsays(p_case uuid, p_event uuid, p_position int) RETURNS void
        LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
            DELETE FROM statement WHERE case_id = p_case AND event = p_event AND position = p_position
        $$;
        REVOKE ALL ON FUNCTION case_unsays(uuid, uuid, int) FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION case_unsays(uuid, uuid, int) TO guidui_worker;
        REVOKE DELETE ON statement FROM guidui_worker;
        GRANT SELECT ON batch_outcome, batch_done TO guidui_web, guidui_worker;
        GRANT INSERT ON batch_outcome, batch_done TO guidui_worker;
    """)
    op.execute(
        row_security(
            {
                table: f"EXISTS (SELECT FROM transfer_case c WHERE c.id = {table}.parent)"
                for table in ("batch_outcome", "batch_done")
            }
        )
    )


def downgrade() -> None:
    op.execute("DROP INDEX transfer_case_batches, transfer_case_children, case_event_bounces")
    op.execute("DROP FUNCTION case_unsays(uuid, uuid, int)")
    op.execute("GRANT DELETE ON statement TO guidui_worker")
    op.execute("DROP TABLE batch_outcome, batch_done")
