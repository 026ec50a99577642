"""What the matcher decided of each posted person, and the addresses it learned from."""

from __future__ import annotations

from alembic import op

from services.kit.db.migrations.row_security import BELOW, row_security

revision = "0005_matcher"
down_revision = "0004_cases"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE identification (
    event_id uuid NOT NULL,
    position int NOT NULL,
    path text NOT NULL,                          -- of the organisation that posted
    decision text NOT NULL CHECK (decision IN ('match', 'not_a_member', 'review', 'outside', 'rejected', 'group')),
    member text,
    case_id uuid,
    candidates jsonb,
    model text NOT NULL,
    decided_at timestamptz NOT NULL,
    decided_by text,
    reason text,
    PRIMARY KEY (event_id, position)
);
CREATE INDEX identification_review ON identification (path text_pattern_ops, decided_at) WHERE decision = 'review';
CREATE INDEX identification_case ON identification (case_id) WHERE case_id IS NOT NULL;
COMMENT ON COLUMN identification.decision IS
    'match; not_a_member (the person is erased); review (waits on the desk); outside (a walk-in no register knows)';
CREATE TABLE confirmed_address (
    source text PRIMARY KEY,
    address text NOT NULL,
    code text NOT NULL,
    "on" date,
    withdrawn_at timestamptz
);
CREATE INDEX confirmed_address_code ON confirmed_address (code);
GRANT SELECT ON identification TO guidui_web;
GRANT SELECT, INSERT, UPDATE ON identification, confirmed_address TO guidui_worker;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(row_security({"identification": BELOW, "confirmed_address": None}))


def downgrade() -> None:
    op.execute("DROP TABLE confirmed_address, identification")
