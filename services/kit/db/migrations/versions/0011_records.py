"""Rolls compared with the register, snapshots, what hosts note, branches proposed, and 双报到 with its posts and hours."""

from __future__ import annotations

from alembic import op

from services.kit.db.migrations.row_security import BELOW, row_security

revision = "0011_records"
down_revision = "0009_destination"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE comparison (
    id uuid PRIMARY KEY,
    organisation text NOT NULL,
    path text NOT NULL,
    made_at timestamptz NOT NULL,
    by_organisation text NOT NULL,
    by_person text,
    file text,
    rows int NOT NULL,
    matched int NOT NULL,
    not_here int NOT NULL,
    not_in_roll int NOT NULL,
    in_review int NOT NULL,
    bad int NOT NULL,
    erase_at timestamptz                        -- null once what was uploaded of persons is erased
);
CREATE INDEX comparison_path ON comparison (path text_pattern_ops, made_at);
CREATE INDEX comparison_erase ON comparison (erase_at) WHERE erase_at IS NOT NULL;
CREATE TABLE comparison_row (
    comparison uuid NOT NULL REFERENCES comparison ON DELETE CASCADE,
    position int NOT NULL,
    path text NOT NULL,
    list text NOT NULL CHECK (list IN ('not_here', 'not_in_roll', 'review', 'bad')),
    row_number int,                             -- in the sheet; null where the sheet lacks the member
    member text,
    belongs_to text,
    case_id uuid,
    person json,                                -- as uploaded; null once erased
    candidates jsonb,
    faults jsonb,                               -- of a bad row: column, reason, fix
    next text NOT NULL,
    event_id uuid,                              -- the report that was posted from this row
    done_at timestamptz,
    done_by text,
    PRIMARY KEY (comparison, position)
);
CREATE INDEX comparison_row_path ON comparison_row (path text_pattern_ops);

CREATE TABLE snapshot (
    day date NOT NULL,
    organisation text NOT NULL,
    path text NOT NULL,
    figures jsonb NOT NULL,
    taken_at timestamptz NOT NULL,
    PRIMARY KEY (day, organisation)
);
COMMENT ON TABLE snapshot IS 'the audit figures at the end of a day; written once, altered never';
CREATE INDEX snapshot_path ON snapshot (path text_pattern_ops, day);

CREATE TABLE host_record (
    id uuid PRIMARY KEY,
    case_id uuid NOT NULL,
    organisation text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('life', 'dues', 'service', 'evaluation')),
    "on" date NOT NULL,
    words text,
    by_person text,
    at timestamptz NOT NULL
);
COMMENT ON TABLE host_record IS 'what the host of a floating member notes; the origin reads it';
CREATE INDEX host_record_case ON host_record (case_id, at);

CREATE TABLE branch_proposal (
    id uuid PRIMARY KEY,
    grouped text NOT NULL,                      -- the same members by the same place or trade
    organisation text NOT NULL,                 -- the department that decided
    path text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('host', 'place', 'trade')),
    key text NOT NULL,
    members int NOT NULL,
    cases jsonb NOT NULL,
    decision text NOT NULL CHECK (decision IN ('approve', 'decline')),
    reason text NOT NULL,
    decided_by text,
    decided_at timestamptz NOT NULL
);
CREATE INDEX branch_proposal_path ON branch_proposal (path text_pattern_ops, decided_at);

CREATE TABLE double_report (
    id uuid PRIMARY KEY,
    member text NOT NULL,
    case_id uuid,
    name text NOT NULL,
    organisation text NOT NULL,                 -- the community where the member lives
    path text NOT NULL,
    unit text NOT NULL,                         -- the organisation the member belongs to, which the card goes to
    registered_at timestamptz NOT NULL,
    by_person text,
    ended_at timestamptz
);
CREATE UNIQUE INDEX double_report_once ON double_report (member, organisation) WHERE ended_at IS NULL;
CREATE INDEX double_report_path ON double_report (path text_pattern_ops);
CREATE INDEX double_report_unit ON double_report (unit);
CREATE TABLE community_post (
    id uuid PRIMARY KEY,
    organisation text NOT NULL,
    path text NOT NULL,
    title text NOT NULL,
    places int NOT NULL CHECK (places BETWEEN 1 AND 500),
    opened_at timestamptz NOT NULL,
    closed_at timestamptz
);
CREATE INDEX community_post_path ON community_post (path text_pattern_ops);
CREATE TABLE post_claim (
    id uuid PRIMARY KEY,
    post uuid NOT NULL REFERENCES community_post,
    report uuid NOT NULL REFERENCES double_report,
    claimed_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE UNIQUE INDEX post_claim_once ON post_claim (post, report) WHERE ended_at IS NULL;
CREATE INDEX post_claim_report ON post_claim (report);
CREATE TABLE community_service (
    id uuid PRIMARY KEY,
    claim uuid NOT NULL REFERENCES post_claim,
    report uuid NOT NULL REFERENCES double_report,
    "on" date NOT NULL,
    minutes int NOT NULL CHECK (minutes BETWEEN 1 AND 1440),
    words text,
    by_person text,
    at timestamptz NOT NULL
);
CREATE INDEX community_service_report ON community_service (report, "on");
CREATE TABLE service_card (
    report uuid NOT NULL REFERENCES double_report,
    quarter text NOT NULL CHECK (quarter ~ '^[0-9]{4}Q[1-4]$'),
    minutes int NOT NULL,
    lines jsonb NOT NULL,
    made_at timestamptz NOT NULL,
    seen_at timestamptz,
    seen_by text,
    PRIMARY KEY (report, quarter)
);
COMMENT ON TABLE service_card IS 'what a member did in the community in a quarter, as it went to the unit';

CREATE INDEX case_event_at ON case_event (at);
CREATE INDEX transfer_case_walk_in ON transfer_case (opened_at) WHERE inflow AND member IS NULL;
"""

GRANTS = """
GRANT SELECT ON comparison, comparison_row, snapshot, host_record, branch_proposal, double_report, community_post,
    post_claim, community_service, service_card TO guidui_web, guidui_worker;
GRANT INSERT ON comparison, comparison_row, snapshot, host_record, branch_proposal, double_report, community_post,
    post_claim, community_service, service_card TO guidui_worker;
GRANT UPDATE (erase_at) ON comparison TO guidui_worker;
GRANT UPDATE (person, faults, candidates, event_id, done_at, done_by) ON comparison_row TO guidui_worker;
GRANT UPDATE (ended_at) ON double_report, post_claim TO guidui_worker;
GRANT UPDATE (closed_at) ON community_post TO guidui_worker;
GRANT UPDATE (seen_at, seen_by) ON service_card TO guidui_worker;
"""

_OF_REPORT = "EXISTS (SELECT FROM double_report d WHERE d.id = report)"
VIEWERS = {
    "comparison": BELOW,
    "comparison_row": BELOW,
    "snapshot": BELOW,
    "branch_proposal": BELOW,
    "host_record": "EXISTS (SELECT FROM transfer_case c WHERE c.id = case_id)",
    # the community by its path, the unit because it sees itself in the directory's table
    "double_report": f"({BELOW}) OR EXISTS (SELECT FROM organisation o WHERE o.code = double_report.unit)",
    "community_post": BELOW,
    "post_claim": _OF_REPORT,
    "community_service": _OF_REPORT,
    "service_card": _OF_REPORT,
}


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(GRANTS)
    op.execute(row_security(VIEWERS))


def downgrade() -> None:
    op.execute("DROP INDEX transfer_case_walk_in, case_event_at")
    op.execute(
        "DROP TABLE service_card, community_service, post_claim, community_post, double_report, "
        "branch_proposal, host_record, snapshot, comparison_row, comparison"
    )
