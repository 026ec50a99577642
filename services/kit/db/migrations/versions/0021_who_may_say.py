"""What others report of a member, who holds a candidate of a review, contacts with their source,
and looks that are counted."""

from __future__ import annotations

from alembic import op

from services.kit.db.migrations.row_security import BELOW, row_security

revision = "0021_who_may_say"
down_revision = "0020_fall_back"
branch_labels = None
depends_on = None

OF_A_CASE = "EXISTS (SELECT FROM transfer_case c WHERE c.id = case_id)"
VISIBLE = {
    "report": BELOW,
    "case_contact": OF_A_CASE,
    "review_candidate": None,
    "member_look": BELOW,
    "lookup_count": None,
}

TABLES = """
CREATE TABLE report (
    event_id uuid NOT NULL,
    position int NOT NULL,
    member text NOT NULL,
    path text NOT NULL,                          -- of the organisation to which the member belonged: who sees it
    case_id uuid,                                -- the case that stood or was opened; null for life, dues and contacts
    organisation text NOT NULL,                  -- who says it
    ext_id text NOT NULL,
    kind text NOT NULL,
    time timestamptz NOT NULL,
    facts jsonb NOT NULL,                        -- what it would state of the case, or the life, dues or contact it tells
    phone text,
    address text,
    evidence jsonb,                              -- how the address was read
    kept_at timestamptz NOT NULL,
    taken_over_at timestamptz,
    withdrawn_at timestamptz,
    PRIMARY KEY (event_id, position)
);
COMMENT ON TABLE report IS
    'what an organisation outside a member''s line says of the member: without effect until the line takes it over';
CREATE INDEX report_path ON report (path text_pattern_ops);
CREATE INDEX report_case ON report (case_id) WHERE case_id IS NOT NULL;
CREATE INDEX report_member ON report (member);

CREATE TABLE case_contact (
    case_id uuid NOT NULL,
    event_id uuid NOT NULL,
    position int NOT NULL,
    organisation text NOT NULL,                  -- who says it
    of_line boolean NOT NULL,                    -- whether that organisation stands in the member's line
    time timestamptz NOT NULL,
    phone text,
    address text,
    evidence jsonb,
    PRIMARY KEY (case_id, event_id, position)
);
COMMENT ON TABLE case_contact IS
    'every phone and address that was stated of the person of a case; case_person shows the newest of the line';

CREATE TABLE review_candidate (
    event_id uuid NOT NULL,
    position int NOT NULL,
    member text NOT NULL,
    token uuid NOT NULL DEFAULT gen_random_uuid(),
    denied_by text,
    denied_at timestamptz,
    PRIMARY KEY (event_id, position, member)
);
COMMENT ON TABLE review_candidate IS
    'whom an open review may mean. Who holds the member may say; others know it by the token alone';
CREATE INDEX review_candidate_member ON review_candidate (member);

CREATE TABLE member_look (
    member text NOT NULL,
    path text NOT NULL,                          -- of the organisation to which the member belonged
    organisation text NOT NULL,                  -- who looked
    person text NOT NULL DEFAULT '',
    purpose text NOT NULL,
    day date NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (member, organisation, person, purpose, day)
);
COMMENT ON TABLE member_look IS 'who looked at a member outside a case: on the review desk, by comparing a roll';
CREATE INDEX member_look_path ON member_look (path text_pattern_ops);

CREATE TABLE lookup_count (
    organisation text NOT NULL,
    day date NOT NULL,
    kind text NOT NULL,
    number int NOT NULL,
    PRIMARY KEY (organisation, day, kind)
);
COMMENT ON TABLE lookup_count IS 'how often an organisation looked for persons on a day, against what policy allows';

ALTER TABLE identification ADD COLUMN asks_sender boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN identification.asks_sender IS
    'in review: whether whoever posted may decide, because no candidate stands or one is of its line';
CREATE INDEX identification_of_others ON identification (path text_pattern_ops)
    WHERE decision = 'review' AND NOT asks_sender;
CREATE INDEX posted_event_ext_id ON posted_event (ext_id);
"""

FUNCTIONS = """
CREATE FUNCTION posted_by_others(p_organisation text, p_ids text[]) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT i FROM unnest(p_ids) i
    WHERE EXISTS (SELECT FROM posted_event e WHERE e.ext_id = i AND e.organisation <> p_organisation)
      AND NOT EXISTS (SELECT FROM posted_event e WHERE e.ext_id = i AND e.organisation = p_organisation)
$$;
-- counts a look-up, unless that would be more than allowed; says whether it was counted
CREATE FUNCTION lookup_counted(p_organisation text, p_day date, p_kind text, p_number int, p_most int) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH counted AS (
        INSERT INTO lookup_count AS c SELECT p_organisation, p_day, p_kind, p_number WHERE p_number <= p_most
        ON CONFLICT (organisation, day, kind) DO UPDATE SET number = c.number + excluded.number
        WHERE c.number + excluded.number <= p_most
        RETURNING 1)
    SELECT EXISTS (SELECT FROM counted)
$$;
"""

# the reviews that are open find their candidates' holders; phones and addresses stay those shown so far
KEPT = """
INSERT INTO review_candidate (event_id, position, member)
    SELECT i.event_id, i.position, k ->> 'member' FROM identification i, jsonb_array_elements(i.candidates) k
    WHERE i.decision = 'review' AND jsonb_typeof(i.candidates) = 'array' AND k ->> 'member' IS NOT NULL
    ON CONFLICT DO NOTHING;
UPDATE identification i SET asks_sender = false
    WHERE i.decision = 'review'
      AND EXISTS (SELECT FROM review_candidate k WHERE (k.event_id, k.position) = (i.event_id, i.position))
      AND NOT EXISTS (SELECT FROM review_candidate k JOIN member m ON m.member = k.member
                      WHERE (k.event_id, k.position) = (i.event_id, i.position)
                        AND (starts_with(m.path, i.path) OR starts_with(i.path, m.path)));
INSERT INTO case_contact (case_id, event_id, position, organisation, of_line, time, phone, address, evidence)
    SELECT p.case_id, p.case_id, -1, coalesce(c.poster, c.origin, ''), true, c.opened_at, p.phone, p.address, p.evidence
    FROM case_person p JOIN transfer_case c ON c.id = p.case_id
    WHERE p.phone IS NOT NULL OR p.address IS NOT NULL;
INSERT INTO transition SELECT state, 'report', state, false
    FROM unnest(ARRAY['announced', 'triaged', 'destination_confirmed', 'stay_approved', 'floating_registered',
        'out_approval', 'letter_issued', 'in_transit', 'arrived', 'returned', 'escalated', 'letter_expired',
        'letter_void', 'unreachable', 'lost_contact', 'suspended', 'restored', 'cancelled']) AS s (state)
    ON CONFLICT DO NOTHING;
"""

GRANTS = """
REVOKE ALL ON FUNCTION posted_by_others(text, text[]), lookup_counted(text, date, text, int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION posted_by_others(text, text[]), lookup_counted(text, date, text, int, int)
    TO guidui_web, guidui_worker;
GRANT SELECT ON report, case_contact, member_look TO guidui_web;
GRANT SELECT, INSERT ON report, case_contact, review_candidate, member_look TO guidui_worker;
GRANT UPDATE (case_id, taken_over_at, withdrawn_at, address, phone) ON report TO guidui_worker;
GRANT UPDATE (denied_by, denied_at) ON review_candidate TO guidui_worker;
GRANT UPDATE ON case_contact TO guidui_worker;
GRANT DELETE ON report, case_contact, review_candidate TO guidui_worker;
GRANT SELECT ON lookup_count TO guidui_worker;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(FUNCTIONS)
    op.execute(KEPT)
    op.execute(GRANTS)
    op.execute(row_security(VISIBLE))


def downgrade() -> None:
    op.execute("DELETE FROM transition WHERE command = 'report'")
    op.execute(
        "DROP FUNCTION posted_by_others(text, text[]), lookup_counted(text, date, text, int, int)"
    )
    op.execute("DROP INDEX posted_event_ext_id, identification_of_others")
    op.execute("ALTER TABLE identification DROP COLUMN asks_sender")
    op.execute("DROP TABLE " + ", ".join(VISIBLE))
