"""Changes of organisations that departments post, and what organisations were before."""

from __future__ import annotations

from alembic import op

from services.kit.db.migrations.row_security import BELOW, row_security

revision = "0015_tree"
down_revision = "0014_desk_tasks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE organisation_change (
            event uuid PRIMARY KEY,
            source text NOT NULL,
            ext_id text NOT NULL,
            by_organisation text NOT NULL,
            path text NOT NULL,                         -- of who posted it
            organisation text NOT NULL,                 -- that changes, or is founded
            founded boolean NOT NULL,
            columns jsonb NOT NULL,                     -- column of organisations.csv -> its value from then on
            time timestamptz NOT NULL,
            effective_on date NOT NULL,
            state text NOT NULL CHECK (state IN ('waiting', 'done', 'rejected', 'withdrawn')),
            left_out text[] NOT NULL DEFAULT '{}',      -- columns of which something newer had been said
            zh text,
            en text,
            decided_at timestamptz NOT NULL,
            followed boolean NOT NULL DEFAULT true      -- false: done, and open cases have not all followed yet
        );
        CREATE UNIQUE INDEX organisation_change_said ON organisation_change (source, ext_id);
        CREATE INDEX organisation_change_path ON organisation_change (path text_pattern_ops);
        CREATE INDEX organisation_change_due ON organisation_change (effective_on)
            WHERE state = 'waiting' OR NOT followed;
        CREATE TABLE organisation_past (
            seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            code text NOT NULL,
            field text NOT NULL,
            before text,
            after text,
            at timestamptz NOT NULL,                    -- when the register took it
            said_at timestamptz NOT NULL,               -- when it was said: the event's time
            said_by text NOT NULL                       -- source and id of the event; empty: a file
        );
        CREATE INDEX organisation_past_said ON organisation_past (code, field, said_at);
        CREATE INDEX organisation_past_parents ON organisation_past (at) WHERE field = 'parent';
        GRANT SELECT ON organisation_change TO guidui_web;
        GRANT SELECT, INSERT, UPDATE ON organisation_change TO guidui_worker;
        GRANT SELECT, INSERT ON organisation_past TO guidui_worker;
    """)
    op.execute(row_security({"organisation_change": BELOW, "organisation_past": None}))


def downgrade() -> None:
    op.execute("DROP TABLE organisation_past, organisation_change")
