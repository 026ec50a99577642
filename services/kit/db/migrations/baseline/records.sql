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
    erase_at timestamptz,                       -- null once what was uploaded of persons is erased
    notes jsonb
);
COMMENT ON COLUMN comparison.notes IS
    'what was left out or read with a guess, in words; nothing personal';
CREATE INDEX comparison_erase ON comparison (erase_at) WHERE erase_at IS NOT NULL;
CREATE INDEX comparison_path ON comparison (path text_pattern_ops, made_at);

CREATE TABLE comparison_row (
    comparison uuid REFERENCES comparison ON DELETE CASCADE,
    "position" int,
    path text NOT NULL,
    list text NOT NULL CHECK (list IN ('not_here', 'not_in_roll', 'review', 'bad')),
    row_number int,  -- in the sheet; null where the sheet lacks the member
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
    PRIMARY KEY (comparison, "position")
);
CREATE INDEX comparison_row_path ON comparison_row (path text_pattern_ops);

CREATE TABLE snapshot (
    day date,
    organisation text,
    path text NOT NULL,
    figures jsonb NOT NULL,
    taken_at timestamptz NOT NULL,
    PRIMARY KEY (day, organisation)
);
COMMENT ON TABLE snapshot IS
    'the audit figures at the end of a day; written once, altered never';
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
COMMENT ON TABLE host_record IS
    'what the host of a floating member notes; the origin reads it';
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
    unit text NOT NULL,  -- the organisation the member belongs to, which the card goes to
    registered_at timestamptz NOT NULL,
    by_person text,
    ended_at timestamptz
);
CREATE UNIQUE INDEX double_report_once ON double_report (member, organisation) WHERE ended_at IS
    NULL;
CREATE INDEX double_report_path ON double_report (path text_pattern_ops);
CREATE INDEX double_report_unit ON double_report (unit);

CREATE TABLE community_post (
    id uuid PRIMARY KEY,
    organisation text NOT NULL,
    path text NOT NULL,
    title text NOT NULL,
    places int NOT NULL CHECK ((places >= 1) AND (places <= 500)),
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
    minutes int NOT NULL CHECK ((minutes >= 1) AND (minutes <= 1440)),
    words text,
    by_person text,
    at timestamptz NOT NULL
);
CREATE INDEX community_service_report ON community_service (report, "on");

CREATE TABLE service_card (
    report uuid REFERENCES double_report,
    quarter text CHECK (quarter ~ '^[0-9]{4}Q[1-4]$'),
    minutes int NOT NULL,
    lines jsonb NOT NULL,
    made_at timestamptz NOT NULL,
    seen_at timestamptz,
    seen_by text,
    PRIMARY KEY (report, quarter)
);
COMMENT ON TABLE service_card IS
    'what a member did in the community in a quarter, as it went to the unit';

CREATE TABLE member_look (
    member text,
    path text NOT NULL,                         -- of the organisation to which the member belonged
    organisation text,                          -- who looked
    person text DEFAULT '',
    purpose text,
    day date,
    at timestamptz NOT NULL,
    PRIMARY KEY (member, organisation, person, purpose, day)
);
COMMENT ON TABLE member_look IS
    'who looked at a member outside a case: on the review desk, by comparing a roll';
CREATE INDEX member_look_path ON member_look (path text_pattern_ops);
