"""A letter that stalls on its one channel may go by the other by itself."""

from __future__ import annotations

from alembic import op

revision = "0020_fall_back"
down_revision = "0019_ends"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        INSERT INTO transition SELECT state, 'fall_back', state, false
        FROM unnest(ARRAY['letter_issued', 'in_transit']) AS s (state) ON CONFLICT DO NOTHING""")


def downgrade() -> None:
    op.execute("DELETE FROM transition WHERE command = 'fall_back'")
