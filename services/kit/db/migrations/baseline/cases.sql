CREATE TABLE transition (
    from_state text,                            -- '' where a case is opened
    command text,
    to_state text,
    -- a command that an organisation gives, not the matcher or the clock
    by_people boolean NOT NULL,
    PRIMARY KEY (from_state, command, to_state)
);

CREATE TABLE transfer_case (
    id uuid PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('accepted', 'announced', 'arrived', 'bulk_closed',
        'bulk_open', 'cancelled', 'closed_without_move', 'destination_confirmed', 'escalated',
        'floating_registered', 'in_transit', 'letter_expired', 'letter_issued', 'letter_void',
        'lost_contact', 'merged', 'moved', 'out_approval', 'placed', 'receipt_sent', 'restored',
        'returned', 'stay_approved', 'struck_off', 'suspended', 'triaged', 'unreachable')),
    seq int NOT NULL,
    member text,
    parent uuid,
    "position" int,
    inflow boolean,
    category text,
    rule text,
    policy text,
    facts jsonb,
    poster text,
    origin text,
    origin_path text,
    origin_committee text,
    destination text,
    destination_path text,
    destination_source text,
    header text,
    area text,
    receiver text,
    receiving_committee text,
    ruling text,
    branch text,
    triaged_by_person boolean,
    chosen_by_person boolean,
    opened_at timestamptz,
    entered_at timestamptz,
    counted_from date,
    touched_at timestamptz,
    letter_number text,
    letter_issued_on date,
    letter_expires_on date,
    letter_channel text,
    letter_status text CHECK (letter_status IN ('valid', 'expired', 'void', 'used')),
    letters int,
    first_issued_on date,
    accepted_on date,
    late boolean,
    bounced boolean,
    refusals int,
    returned_for text,
    receipt_due_on date,
    receipt_sent_on date,
    receipt_recorded_on date,
    placed_at timestamptz,
    talked_on date,
    review_on date,
    contact_interval int,
    host text,
    permit_no text,
    acknowledged_on date,
    contacted_on date,
    interrupted text,
    suspended_on date,
    merged_into uuid,
    obstacle text,
    asks jsonb,
    reports jsonb,
    paused boolean,
    start_on date,
    override text,
    owner text,
    wait_organisation text,
    wait_act text,
    wait_due date,
    wake_at timestamptz,
    CONSTRAINT transfer_case_check CHECK ((owner IS NOT NULL) OR (state IN ('bulk_closed',
        'closed_without_move', 'merged', 'moved', 'struck_off'))),
    CONSTRAINT transfer_case_check1 CHECK ((letter_expires_on - letter_issued_on) <= 90),
    CONSTRAINT transfer_case_check2 CHECK ((state NOT IN ('accepted', 'placed',
        'receipt_sent')) OR (accepted_on IS NOT NULL))
);
-- at most one case of a member that stands before its acceptance
CREATE UNIQUE INDEX one_case_per_member ON transfer_case (member) WHERE (member IS NOT NULL) AND
    (state IN ('announced', 'arrived', 'cancelled', 'destination_confirmed', 'escalated',
    'floating_registered', 'in_transit', 'letter_expired', 'letter_issued', 'letter_void',
    'lost_contact', 'out_approval', 'restored', 'returned', 'stay_approved', 'suspended', 'triaged',
    'unreachable'));
CREATE INDEX transfer_case_batches ON transfer_case (id) WHERE state = 'bulk_open';
CREATE INDEX transfer_case_children ON transfer_case (parent, id) WHERE parent IS NOT NULL;
CREATE INDEX transfer_case_destination ON transfer_case (destination_path text_pattern_ops) WHERE
    destination_path IS NOT NULL;
CREATE INDEX transfer_case_member ON transfer_case (member);
CREATE INDEX transfer_case_origin ON transfer_case (origin_path text_pattern_ops);
CREATE INDEX transfer_case_parent ON transfer_case (parent, "position") WHERE parent IS NOT NULL;
CREATE INDEX transfer_case_pool ON transfer_case (opened_at DESC, id DESC) WHERE (state IN
    ('announced', 'triaged')) AND (destination IS NULL);
CREATE INDEX transfer_case_wait ON transfer_case (wait_organisation, wait_act) WHERE
    wait_organisation IS NOT NULL;
CREATE INDEX transfer_case_wake ON transfer_case (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX transfer_case_walk_in ON transfer_case (opened_at) WHERE inflow AND (member IS NULL);

CREATE TABLE case_event (
    case_id uuid,
    seq int,
    at timestamptz NOT NULL,
    by_organisation text,
    by_person text,
    command text NOT NULL,
    from_state text,
    to_state text NOT NULL,
    reason text,
    detail jsonb,
    change jsonb,  -- columns of the case that change; on the last row of a statement only
    opened jsonb,  -- tasks opened: id, kind, act, organisation, path, due_on, opened_at
    closed jsonb,                               -- ids of tasks closed
    parties jsonb,  -- organisations with a part off both lines: organisation, path
    PRIMARY KEY (case_id, seq)
);
CREATE INDEX case_event_at ON case_event (at);
CREATE INDEX case_event_bounces ON case_event (at) WHERE command IN ('refuse', 'return_for_cure');

CREATE TABLE case_party (
    case_id uuid,
    organisation text,
    path text NOT NULL,
    PRIMARY KEY (case_id, organisation)
);
COMMENT ON TABLE case_party IS
    'who has or had a part in a case without standing in the line of its origin or its destination';
CREATE INDEX case_party_path ON case_party (path text_pattern_ops);

CREATE TABLE case_person (
    case_id uuid PRIMARY KEY,
    name text,
    sex text,
    birth_date text,
    phone text,
    address text,
    evidence jsonb
);
COMMENT ON TABLE case_person IS
    'the least of a person that those with a part in the case must see';

CREATE TABLE case_contact (
    case_id uuid,
    event_id uuid,
    "position" int,
    organisation text NOT NULL,                 -- who says it
    of_line boolean NOT NULL,  -- whether that organisation stands in the member's line
    "time" timestamptz NOT NULL,
    phone text,
    address text,
    evidence jsonb,
    PRIMARY KEY (case_id, event_id, "position")
);
COMMENT ON TABLE case_contact IS
    'every phone and address that was stated of the person of a case; case_person shows the newest of the line';

CREATE TABLE case_key (
    the_one boolean DEFAULT true PRIMARY KEY CHECK (the_one),
    key bytea NOT NULL CHECK (octet_length(key) >= 4),
    former boolean NOT NULL
);
COMMENT ON TABLE case_key IS
    'the key of case ids (cases/store/case_ids.py); read by guidui_worker alone';
COMMENT ON COLUMN case_key.former IS
    'whether cases were opened before there was a key';

CREATE TABLE statement (
    id uuid PRIMARY KEY,
    case_id uuid NOT NULL,
    event uuid,
    "position" int,
    source text NOT NULL,
    ext_id text NOT NULL,
    "time" timestamptz NOT NULL,
    kind text NOT NULL,
    facts jsonb NOT NULL,
    withdrawn boolean DEFAULT false NOT NULL
);
CREATE INDEX statement_case ON statement (case_id);
CREATE INDEX statement_event ON statement (source, ext_id);

CREATE TABLE report (
    event_id uuid,
    "position" int,
    member text NOT NULL,
    path text NOT NULL,
    case_id uuid,
    organisation text NOT NULL,
    ext_id text NOT NULL,
    kind text NOT NULL,
    "time" timestamptz NOT NULL,
    facts jsonb NOT NULL,
    phone text,
    address text,
    evidence jsonb,
    kept_at timestamptz NOT NULL,
    taken_over_at timestamptz,
    withdrawn_at timestamptz,
    PRIMARY KEY (event_id, "position")
);
COMMENT ON TABLE report IS
    'what an organisation outside a member''s line says of the member: without effect until the line takes it over';
CREATE INDEX report_case ON report (case_id) WHERE case_id IS NOT NULL;
CREATE INDEX report_member ON report (member);
CREATE INDEX report_path ON report (path text_pattern_ops);

CREATE TABLE task (
    id uuid PRIMARY KEY,
    case_id uuid,
    member text,
    kind text NOT NULL,
    act text NOT NULL,
    organisation text NOT NULL,
    path text NOT NULL,
    due_on date,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    persons int,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL
);
COMMENT ON COLUMN task.persons IS
    'how many persons wait, where a task is about more than one; null: one';
COMMENT ON COLUMN task.xid IS
    'the transaction that opened it, or opened it again; 0: before there was this column';
CREATE INDEX task_case ON task (case_id) WHERE closed_at IS NULL;
CREATE INDEX task_desk ON task (organisation, kind) WHERE kind IN ('identify', 'question');
CREATE INDEX task_due ON task (due_on) WHERE closed_at IS NULL;
CREATE INDEX task_member ON task (member) WHERE (closed_at IS NULL) AND (member IS NOT NULL);
CREATE INDEX task_own ON task (organisation, case_id, due_on) INCLUDE (kind, path) WHERE closed_at
    IS NULL;
CREATE INDEX task_path ON task (path text_pattern_ops, opened_at, id) WHERE closed_at IS NULL;
CREATE INDEX task_told ON task (organisation, xid, opened_at, id) WHERE closed_at IS NULL;

CREATE TABLE case_look (
    id uuid PRIMARY KEY,
    case_id uuid NOT NULL,
    member text,
    organisation text NOT NULL,
    person text,
    purpose text NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX case_look_case ON case_look (case_id, at);
CREATE INDEX case_look_member ON case_look (member, at);

CREATE TABLE calendar_day (
    day date PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('holiday', 'workday')),
    source text
);

CREATE TABLE policy (
    version text PRIMARY KEY,
    effective_from date NOT NULL,
    document text NOT NULL,
    source text NOT NULL,
    "values" jsonb NOT NULL,
    city text CHECK (city ~ '^[0-9]{4}$'),      -- null: every city; so with the two below
    route text CHECK (route IN ('in_city', 'in_province', 'cross_province')),
    category text,
    loaded_at timestamptz NOT NULL
);
COMMENT ON TABLE policy IS
    'added to, never altered: a case keeps the names of the versions that decided it';

CREATE TABLE destination_override (
    id uuid PRIMARY KEY,
    organisation text NOT NULL,                 -- the department whose rule it is
    path text NOT NULL,
    "row" text,  -- of the decision table; null: every row that proposes somebody
    area text,                                  -- division code that the new address lies in
    under text,                                 -- organisation whose tree the member leaves
    destination text NOT NULL,
    "from" date NOT NULL,
    until date,
    source text NOT NULL,
    set_at timestamptz NOT NULL,
    set_by text,
    ended_at timestamptz,
    ended_by text,
    CONSTRAINT destination_override_check CHECK ((area IS NOT NULL) OR (under IS NOT NULL)),
    CONSTRAINT destination_override_check1 CHECK (until >= "from")
);
CREATE INDEX destination_override_path ON destination_override (path text_pattern_ops);

CREATE TABLE batch_done (
    parent uuid,
    seq int,
    at timestamptz NOT NULL,
    PRIMARY KEY (parent, seq)
);

CREATE TABLE batch_outcome (
    parent uuid,
    seq int,
    case_id uuid,
    status int NOT NULL,
    zh text,
    en text,
    at timestamptz NOT NULL,
    PRIMARY KEY (parent, seq, case_id)
);

CREATE TABLE batch_order (
    id uuid PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY,  -- the order in which they were given
    parent uuid NOT NULL,                       -- the bulk case, which the receiver does not see
    organisation text NOT NULL,                 -- who says it
    path text NOT NULL,  -- of the organisation to which the member belonged: who sees it
    by_person text,
    command text NOT NULL,
    args jsonb NOT NULL,
    start_on date,                              -- not before this day
    paused boolean DEFAULT false NOT NULL,
    at timestamptz NOT NULL,
    done_at timestamptz
);
CREATE INDEX batch_order_open ON batch_order (number) WHERE done_at IS NULL;
CREATE INDEX batch_order_path ON batch_order (path text_pattern_ops);

CREATE TABLE batch_order_outcome (
    batch_order uuid REFERENCES batch_order,
    case_id uuid,
    status int NOT NULL,
    zh text,
    en text,
    at timestamptz NOT NULL,
    PRIMARY KEY (batch_order, case_id)
);
