"""What keeps an identification honest: how pairs agreed, questions, second persons, what was undone, what was erased.

Nothing here holds a name or a number of anybody but the members' military cards: evidence is levels of agreement,
tokens are HMACs, and the text of a question goes when the review is decided.
"""

from __future__ import annotations

from alembic import op

from services.kit.db.migrations.row_security import BELOW, row_security

revision = "0010_identity"
down_revision = "0011_records"
branch_labels = None
depends_on = None

SEEN_BY_PATH = ("review_question",)
WORKERS_ONLY = (
    "review_rule",
    "reviewed_pair",
    "identity_model",
    "identification_undone",
    "name_frequency",
    "token_key",
)

TABLES = """
ALTER TABLE identification
    ADD COLUMN evidence jsonb,
    ADD COLUMN notes text[],
    ADD COLUMN proposal jsonb,
    ADD COLUMN undone int NOT NULL DEFAULT 0,
    ADD COLUMN erased_at timestamptz;
COMMENT ON COLUMN identification.evidence IS
    'levels of agreement of the candidates, as the version in `model` weighed them: the probability can be computed again';
COMMENT ON COLUMN identification.proposal IS 'the first of two decisions where four eyes are asked for';
COMMENT ON COLUMN identification.undone IS 'how often a match was taken back';
CREATE INDEX identification_to_erase ON identification (decided_at)
    WHERE decision IN ('not_a_member', 'rejected') AND erased_at IS NULL;
CREATE INDEX identification_no_member ON identification (path text_pattern_ops)
    WHERE decision IN ('not_a_member', 'rejected');
CREATE INDEX identification_decided ON identification (decided_at DESC) WHERE decided_by IS NOT NULL;

CREATE TABLE review_question (
    id uuid PRIMARY KEY,
    event_id uuid NOT NULL,
    position int NOT NULL,
    path text NOT NULL,                          -- of the organisation that posted, which is asked
    by_organisation text NOT NULL,
    by_person text,
    text text,                                   -- null once the review is decided
    asked_at timestamptz NOT NULL,
    answer text,
    answered_by text,
    answered_at timestamptz
);
CREATE INDEX review_question_path ON review_question (path text_pattern_ops);
CREATE INDEX review_question_event ON review_question (event_id, position);

CREATE TABLE review_rule (
    path text PRIMARY KEY,                       -- of the organisation for which, and for all below it, this holds
    four_eyes boolean NOT NULL,
    since timestamptz NOT NULL
);

CREATE TABLE reviewed_pair (
    review uuid NOT NULL,                        -- the same for all candidates of one decision
    candidate int NOT NULL,
    same boolean NOT NULL,
    levels text[] NOT NULL,
    rareness real NOT NULL,
    model text NOT NULL,
    decided_on date NOT NULL,
    PRIMARY KEY (review, candidate)
);
COMMENT ON TABLE reviewed_pair IS 'what people decided of pairs: levels of agreement only, nobody is named';

CREATE TABLE identity_model (
    version text PRIMARY KEY,
    data jsonb NOT NULL,
    made_at timestamptz NOT NULL,
    in_force boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX one_model_in_force ON identity_model (in_force) WHERE in_force;

CREATE TABLE identification_undone (
    event_id uuid NOT NULL,
    position int NOT NULL,
    number int NOT NULL,
    path text NOT NULL,
    member text,                                 -- who it was taken for
    case_id uuid,
    reason text NOT NULL,
    by_organisation text NOT NULL,
    by_person text,
    at timestamptz NOT NULL,
    PRIMARY KEY (event_id, position, number)
);

CREATE TABLE name_frequency (
    name text PRIMARY KEY,           -- '' is the size of the register
    bearers int NOT NULL
);
INSERT INTO name_frequency
    SELECT coalesce(name, ''), count(*) FROM member GROUP BY GROUPING SETS ((name), ()) HAVING count(*) > 0;

CREATE TABLE token_key (
    organisation text PRIMARY KEY,
    path text NOT NULL,
    key bytea NOT NULL,
    agreed_at timestamptz NOT NULL
);
ALTER TABLE member ADD COLUMN military_card text;
"""

FUNCTIONS = """
-- how many members bear a name, kept with every load: the matcher asks for the names of its candidates only
CREATE FUNCTION names_counted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO name_frequency AS f
    SELECT coalesce(name, ''), count(*) FROM new_member GROUP BY GROUPING SETS ((name), ()) HAVING count(*) > 0
    ORDER BY 1
    ON CONFLICT (name) DO UPDATE SET bearers = f.bearers + excluded.bearers;
    RETURN NULL;
END $$;
CREATE TRIGGER names_counted AFTER INSERT ON member REFERENCING NEW TABLE AS new_member
    FOR EACH STATEMENT EXECUTE FUNCTION names_counted();
CREATE FUNCTION name_recounted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE name_frequency SET bearers = bearers - 1 WHERE name = OLD.name;
    INSERT INTO name_frequency AS f VALUES (NEW.name, 1)
    ON CONFLICT (name) DO UPDATE SET bearers = f.bearers + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER name_recounted AFTER UPDATE OF name ON member FOR EACH ROW
    WHEN (OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION name_recounted();
REVOKE ALL ON FUNCTION names_counted(), name_recounted() FROM PUBLIC;
"""

GRANTS = """
GRANT SELECT ON review_question TO guidui_web;
GRANT SELECT, INSERT, UPDATE ON review_question, review_rule, identity_model TO guidui_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON reviewed_pair, token_key TO guidui_worker;
GRANT SELECT, INSERT ON identification_undone TO guidui_worker;
GRANT SELECT ON name_frequency TO guidui_worker;
GRANT DELETE ON statement, case_person, review_rule TO guidui_worker;
GRANT UPDATE (military_card) ON member TO guidui_worker;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(FUNCTIONS)
    op.execute(GRANTS)
    op.execute(row_security(dict.fromkeys(SEEN_BY_PATH, BELOW) | dict.fromkeys(WORKERS_ONLY)))


def downgrade() -> None:
    op.execute("DROP TRIGGER names_counted ON member; DROP TRIGGER name_recounted ON member")
    op.execute("DROP FUNCTION names_counted(), name_recounted()")
    op.execute("DROP TABLE " + ", ".join(SEEN_BY_PATH + WORKERS_ONLY))
    op.execute("REVOKE DELETE ON statement, case_person FROM guidui_worker")
    op.execute("ALTER TABLE member DROP COLUMN military_card")
    op.execute(
        "ALTER TABLE identification DROP COLUMN evidence, DROP COLUMN notes, DROP COLUMN proposal, "
        "DROP COLUMN undone, DROP COLUMN erased_at"
    )
