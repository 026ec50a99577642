"""Tasks about several persons at once, and the indexes by which an organisation's part of the review desk is counted."""
from __future__ import annotations

from alembic import op

revision = "0014_desk_tasks"
down_revision = "0013_batches"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        ALTER TABLE task ADD COLUMN persons int;
        COMMENT ON COLUMN task.persons IS 'how many persons wait, where a task is about more than one; null: one';
        GRANT UPDATE (persons) ON task TO guidui_worker;
        CREATE INDEX task_desk ON task (organisation, kind) WHERE kind IN ('identify', 'question');
        -- the last code of a path stays when a part of the tree moves
        CREATE INDEX identification_review_of ON identification (split_part(path, '.', -2), decided_at)
            WHERE decision = 'review';
        CREATE INDEX review_question_of ON review_question (split_part(path, '.', -2)) WHERE text IS NOT NULL;
        CREATE INDEX review_question_by ON review_question (by_organisation) WHERE text IS NOT NULL;
    """)


def downgrade() -> None:
    op.execute("DROP INDEX review_question_by, review_question_of, identification_review_of, task_desk")
    op.execute("ALTER TABLE task DROP COLUMN persons")
