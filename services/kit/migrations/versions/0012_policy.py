"""Versions of policy: a city's, a route's or a category's values over those that ship with guidui."""
from __future__ import annotations

from alembic import op

revision = "0012_policy"
down_revision = "0010_identity"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE policy (
            version text PRIMARY KEY,
            effective_from date NOT NULL,
            document text NOT NULL,
            source text NOT NULL,
            "values" jsonb NOT NULL,
            city text CHECK (city ~ '^[0-9]{4}$'),      -- null: every city; so with the two below
            route text CHECK (route IN ('in_city', 'in_province', 'cross_province')),
            category text,
            loaded_at timestamptz NOT NULL
        );
        COMMENT ON TABLE policy IS 'added to, never altered: a case keeps the names of the versions that decided it';
        ALTER TABLE policy ENABLE ROW LEVEL SECURITY;
        ALTER TABLE policy FORCE ROW LEVEL SECURITY;
        CREATE POLICY owner_all ON policy TO CURRENT_USER USING (true) WITH CHECK (true);
        CREATE POLICY worker_all ON policy TO guidui_worker USING (true) WITH CHECK (true);
        CREATE POLICY viewer ON policy FOR SELECT TO guidui_web
            USING (nullif(current_setting('guidui.lo', true), '') IS NOT NULL);
        GRANT SELECT ON policy TO guidui_web, guidui_worker;
        GRANT INSERT ON policy TO guidui_worker;
    """)


def downgrade() -> None:
    op.execute("DROP TABLE policy")
