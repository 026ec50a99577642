"""Until which day the ends of organisations have been followed by what was theirs."""

from __future__ import annotations

from alembic import op

revision = "0019_ends"
down_revision = "0018_receiving"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        ALTER TABLE registry_version ADD COLUMN followed_to date;
        COMMENT ON COLUMN registry_version.followed_to IS
            'of part organisation: whatever ended before this day has been followed by cases and tasks';
        CREATE INDEX organisation_ends ON organisation (effective_to) WHERE effective_to IS NOT NULL;
        GRANT UPDATE (followed_to) ON registry_version TO guidui_worker;
    """)


def downgrade() -> None:
    op.execute("REVOKE UPDATE (followed_to) ON registry_version FROM guidui_worker")
    op.execute("DROP INDEX organisation_ends")
    op.execute("ALTER TABLE registry_version DROP COLUMN followed_to")
