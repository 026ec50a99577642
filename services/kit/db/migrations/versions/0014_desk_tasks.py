"""Tasks about several persons at once, and the indexes by which an organisation's part of the review desk is counted.

Also postings that were withdrawn while their persons were in review.
"""

from __future__ import annotations

from alembic import op

revision = "0014_desk_tasks"
down_revision = "0013_batches"
branch_labels = None
depends_on = None


DECISIONS = ("match", "not_a_member", "review", "outside", "rejected", "group")


def _decisions(allowed: tuple[str, ...], erased: str) -> str:
    quoted = ", ".join(f"'{one}'" for one in allowed)
    return f"""
        ALTER TABLE identification DROP CONSTRAINT identification_decision_check;
        ALTER TABLE identification ADD CHECK (decision IN ({quoted}));
        DROP INDEX identification_to_erase, identification_no_member;
        CREATE INDEX identification_to_erase ON identification (decided_at)
            WHERE decision IN ({erased}) AND erased_at IS NULL;
        CREATE INDEX identification_no_member ON identification (path text_pattern_ops) WHERE decision IN ({erased});
    """


def upgrade() -> None:
    op.execute(_decisions((*DECISIONS, "withdrawn"), "'not_a_member', 'rejected', 'withdrawn'"))
    op.execute("""
        COMMENT ON COLUMN identification.decision IS
            'match; not_a_member, withdrawn while in review (the person is erased); review (waits on the desk); '
            'outside (a walk-in no register knows)';
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
    op.execute("UPDATE identification SET decision = 'rejected' WHERE decision = 'withdrawn'")
    op.execute(_decisions(DECISIONS, "'not_a_member', 'rejected'"))
    op.execute(
        "DROP INDEX review_question_by, review_question_of, identification_review_of, task_desk"
    )
    op.execute("ALTER TABLE task DROP COLUMN persons")
