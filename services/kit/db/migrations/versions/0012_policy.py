"""Versions of policy: a city's, a route's or a category's values over those that ship with guidui."""

from __future__ import annotations

from alembic import op

from services.kit.db.migrations.row_security import row_security

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
        GRANT SELECT ON policy TO guidui_web, guidui_worker;
        GRANT INSERT ON policy TO guidui_worker;
    """)
    op.execute(
        row_security({"policy": "nullif(current_setting('guidui.lo', true), '') IS NOT NULL"})
    )


def downgrade() -> None:
    op.execute("DROP TABLE policy")
