CREATE TABLE identification (
    event_id uuid,
    "position" int,
    path text NOT NULL,                         -- of the organisation that posted
    decision text NOT NULL CHECK (decision IN ('match', 'not_a_member', 'review', 'outside',
        'rejected', 'group', 'withdrawn')),
    member text,
    case_id uuid,
    candidates jsonb,
    model text NOT NULL,
    decided_at timestamptz NOT NULL,
    decided_by text,
    reason text,
    evidence jsonb,
    notes text[],
    proposal jsonb,
    undone int DEFAULT 0 NOT NULL,
    erased_at timestamptz,
    asks_sender boolean DEFAULT true NOT NULL,
    PRIMARY KEY (event_id, "position")
);
COMMENT ON COLUMN identification.decision IS
    'match; not_a_member, withdrawn while in review (the person is erased); review (waits on the desk); outside (a walk-in no register knows)';
COMMENT ON COLUMN identification.evidence IS
    'levels of agreement of the candidates, as the version in `model` weighed them: the probability can be computed again';
COMMENT ON COLUMN identification.proposal IS
    'the first of two decisions where four eyes are asked for';
COMMENT ON COLUMN identification.undone IS
    'how often a match was taken back';
COMMENT ON COLUMN identification.asks_sender IS
    'in review: whether whoever posted may decide, because no candidate stands or one is of its line';
CREATE INDEX identification_case ON identification (case_id) WHERE case_id IS NOT NULL;
CREATE INDEX identification_decided ON identification (decided_at DESC) WHERE decided_by IS NOT
    NULL;
CREATE INDEX identification_no_member ON identification (path text_pattern_ops) WHERE decision IN
    ('not_a_member', 'rejected', 'withdrawn');
CREATE INDEX identification_of_others ON identification (path text_pattern_ops) WHERE (decision =
    'review') AND (NOT asks_sender);
CREATE INDEX identification_review ON identification (path text_pattern_ops, decided_at) WHERE
    decision = 'review';
CREATE INDEX identification_review_of ON identification (split_part(path, '.', -2),
    decided_at) WHERE decision = 'review';
CREATE INDEX identification_to_erase ON identification (decided_at) WHERE (decision IN
    ('not_a_member', 'rejected', 'withdrawn')) AND (erased_at IS NULL);
CREATE INDEX identification_undo_proposed ON identification (decided_at) WHERE (proposal IS NOT
    NULL) AND (decision = 'match');

CREATE TABLE identification_undone (
    event_id uuid,
    "position" int,
    number int,
    path text NOT NULL,
    member text,                                -- who it was taken for
    case_id uuid,
    reason text NOT NULL,
    by_organisation text NOT NULL,
    by_person text,
    at timestamptz NOT NULL,
    PRIMARY KEY (event_id, "position", number)
);

CREATE TABLE confirmed_address (
    source text PRIMARY KEY,
    address text NOT NULL,
    code text NOT NULL,
    "on" date,
    withdrawn_at timestamptz,
    case_id uuid,
    kind text DEFAULT 'loaded' NOT NULL CHECK (kind IN ('loaded', 'acceptance', 'ruling',
        'correction', 'refusal')),
    by_organisation text,
    path text,
    withdrawn_by text,
    withdrawn_reason text,
    changed xid8 DEFAULT pg_current_xact_id() NOT NULL
);
COMMENT ON COLUMN confirmed_address.address IS
    'road, number and compound only; no unit, no room, no name';
COMMENT ON COLUMN confirmed_address.path IS
    'of the organisation that serves the place: who may withdraw it';
CREATE INDEX confirmed_address_case ON confirmed_address (case_id) WHERE case_id IS NOT NULL;
CREATE INDEX confirmed_address_changed ON confirmed_address (changed);
CREATE INDEX confirmed_address_code ON confirmed_address (code);
CREATE INDEX confirmed_address_path ON confirmed_address (path text_pattern_ops, "on");

CREATE TABLE review_candidate (
    event_id uuid,
    "position" int,
    member text,
    token uuid DEFAULT gen_random_uuid() NOT NULL,
    denied_by text,
    denied_at timestamptz,
    PRIMARY KEY (event_id, "position", member)
);
COMMENT ON TABLE review_candidate IS
    'whom an open review may mean. Who holds the member may say; others know it by the token alone';
CREATE INDEX review_candidate_member ON review_candidate (member);

CREATE TABLE review_question (
    id uuid PRIMARY KEY,
    event_id uuid NOT NULL,
    "position" int NOT NULL,
    path text NOT NULL,                         -- of the organisation that posted, which is asked
    by_organisation text NOT NULL,
    by_person text,
    text text,                                  -- null once the review is decided
    asked_at timestamptz NOT NULL,
    answer text,
    answered_by text,
    answered_at timestamptz
);
CREATE INDEX review_question_by ON review_question (by_organisation) WHERE text IS NOT NULL;
CREATE INDEX review_question_event ON review_question (event_id, "position");
CREATE INDEX review_question_of ON review_question (split_part(path, '.', -2)) WHERE text IS
    NOT NULL;
CREATE INDEX review_question_path ON review_question (path text_pattern_ops);

CREATE TABLE review_rule (
    path text PRIMARY KEY,  -- of the organisation for which, and for all below it, this holds
    four_eyes boolean NOT NULL,
    since timestamptz NOT NULL
);

CREATE TABLE reviewed_pair (
    review uuid,                                -- the same for all candidates of one decision
    candidate int,
    same boolean NOT NULL,
    levels text[] NOT NULL,
    rareness real NOT NULL,
    model text NOT NULL,
    decided_on date NOT NULL,
    PRIMARY KEY (review, candidate)
);
COMMENT ON TABLE reviewed_pair IS
    'what people decided of pairs: levels of agreement only, nobody is named';

CREATE TABLE identity_model (
    version text PRIMARY KEY,
    data jsonb NOT NULL,
    made_at timestamptz NOT NULL,
    in_force boolean DEFAULT false NOT NULL
);
CREATE UNIQUE INDEX one_model_in_force ON identity_model (in_force) WHERE in_force;
