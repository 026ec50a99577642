"""By which rules the stored blocking keys of members were computed, so that newer rules compute them anew; what of a
roll was left out of its comparison."""

from __future__ import annotations

from alembic import op

revision = "0023_key_rules"
down_revision = "0022_logins"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        ALTER TABLE registry_version ADD COLUMN rules int;
        COMMENT ON COLUMN registry_version.rules IS 'of part member_key: number of the rules of services.identity.keys';
        INSERT INTO registry_version (part, mark, rules) VALUES ('member_key', gen_random_uuid(), 0);
        ALTER TABLE comparison ADD COLUMN notes jsonb;
        COMMENT ON COLUMN comparison.notes IS 'what was left out or read with a guess, in words; nothing personal';
        GRANT UPDATE (rules) ON registry_version TO guidui_worker""")


def downgrade() -> None:
    op.execute("ALTER TABLE comparison DROP COLUMN notes")
    op.execute("DELETE FROM registry_version WHERE part = 'member_key'")
    op.execute("REVOKE UPDATE (rules) ON registry_version FROM guidui_worker")
    op.execute("ALTER TABLE registry_version DROP COLUMN rules")
