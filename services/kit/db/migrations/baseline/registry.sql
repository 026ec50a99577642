CREATE TABLE organisation (
    code text PRIMARY KEY,
    path text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('basic_committee', 'general_branch', 'branch',
        'organisation_department')),
    unit text NOT NULL CHECK (unit IN ('community', 'village', 'street', 'township', 'county',
        'city', 'enterprise_state', 'enterprise_private', 'school', 'institution', 'organ',
        'talent_service', 'park', 'retiree', 'military', 'social_organisation')),
    parent text REFERENCES organisation,
    area text,
    serves_area boolean DEFAULT false NOT NULL,
    authority boolean DEFAULT false NOT NULL,
    address text,
    effective_from date,
    effective_to date,
    successor text,
    outside boolean DEFAULT false NOT NULL,
    CONSTRAINT organisation_check CHECK (right(path, length(code) + 1) = code || '.')
);
CREATE INDEX organisation_area ON organisation (area);
CREATE INDEX organisation_ends ON organisation (effective_to) WHERE effective_to IS NOT NULL;
CREATE INDEX organisation_parent ON organisation (parent);
CREATE INDEX organisation_path ON organisation (path text_pattern_ops);

CREATE TABLE path_move (
    old_path text PRIMARY KEY,
    new_path text NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY
);
COMMENT ON TABLE path_move IS
    'parts of the tree that moved and whose followers still carry the old path';

CREATE TABLE organisation_change (
    event uuid PRIMARY KEY,
    source text NOT NULL,
    ext_id text NOT NULL,
    by_organisation text NOT NULL,
    path text NOT NULL,
    organisation text NOT NULL,
    founded boolean NOT NULL,
    columns jsonb NOT NULL,
    "time" timestamptz NOT NULL,
    effective_on date NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'done', 'rejected', 'withdrawn')),
    left_out text[] DEFAULT '{}' NOT NULL,
    zh text,
    en text,
    decided_at timestamptz NOT NULL,
    followed boolean DEFAULT true NOT NULL
);
CREATE INDEX organisation_change_due ON organisation_change (effective_on) WHERE (state = 'waiting')
    OR (NOT followed);
CREATE INDEX organisation_change_path ON organisation_change (path text_pattern_ops);
CREATE UNIQUE INDEX organisation_change_said ON organisation_change (source, ext_id);

CREATE TABLE organisation_past (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code text NOT NULL,
    field text NOT NULL,
    before text,
    after text,
    at timestamptz NOT NULL,
    said_at timestamptz NOT NULL,
    said_by text NOT NULL
);
CREATE INDEX organisation_past_parents ON organisation_past (at) WHERE field = 'parent';
CREATE INDEX organisation_past_said ON organisation_past (code, field, said_at);

CREATE TABLE member (
    member text PRIMARY KEY,
    organisation text NOT NULL REFERENCES organisation,
    path text NOT NULL,
    name text NOT NULL,
    sex text CHECK (sex IN ('male', 'female')),
    ethnicity text,
    birth_date date,
    id_number text,
    phone text,
    address text,
    status text NOT NULL CHECK (status IN ('full', 'probationary')),
    standing text NOT NULL CHECK (standing IN ('normal', 'suspended', 'ended')),
    joined_on date,
    last_life_on date,
    dues_paid_to text CHECK (dues_paid_to ~ '^[0-9]{4}-[0-9]{2}$'),
    last_sign_on date,
    wake_at timestamptz DEFAULT '-infinity' NOT NULL,
    military_card text,
    register_life_on date,
    register_dues_to text
);
COMMENT ON COLUMN member.register_life_on IS
    'the latest that a file said of last_life_on; last_life_on is the latest of this and of the member''s signs';
CREATE INDEX member_organisation ON member (organisation);
CREATE INDEX member_path ON member (path text_pattern_ops);
CREATE INDEX member_wake ON member (wake_at) WHERE wake_at < 'infinity';

CREATE TABLE member_key (
    key text,
    member text,
    PRIMARY KEY (key, member)
);

CREATE TABLE token_key (
    organisation text PRIMARY KEY,
    path text NOT NULL,
    key bytea NOT NULL,
    agreed_at timestamptz NOT NULL
);

CREATE TABLE member_sign (
    event_id uuid,
    "position" int,
    member text NOT NULL,
    life date,
    sign date,
    dues text,
    reached date,
    case_id uuid,
    seq int,
    PRIMARY KEY (event_id, "position")
);
COMMENT ON TABLE member_sign IS
    'what each life, dues or contact event says of a member, so that it can be taken back';
CREATE INDEX member_sign_member ON member_sign (member);

CREATE TABLE contact (
    id uuid PRIMARY KEY,
    organisation text NOT NULL REFERENCES organisation,
    path text NOT NULL,
    name text NOT NULL,
    post text NOT NULL CHECK (post IN ('secretary', 'deputy', 'clerk')),
    phone text,
    email text,
    channel text NOT NULL CHECK (channel IN ('portal', 'email', 'wecom', 'dingtalk', 'feishu',
        'sms', 'visit')),
    "from" date,
    until date,
    bounced_count int DEFAULT 0 NOT NULL
);
CREATE INDEX contact_organisation ON contact (organisation);
CREATE INDEX contact_path ON contact (path text_pattern_ops);

CREATE TABLE grid (
    grid text PRIMARY KEY,
    community text NOT NULL,
    path text,
    name text NOT NULL,
    contact text,
    phone text,
    addresses text[] DEFAULT '{}' NOT NULL
);
COMMENT ON COLUMN grid.path IS
    'of the organisation that serves the community; null while none does';
CREATE INDEX grid_community ON grid (community);
CREATE INDEX grid_path ON grid (path text_pattern_ops);

CREATE TABLE division (
    code text PRIMARY KEY,
    name text NOT NULL,
    level smallint NOT NULL CHECK ((level >= 1) AND (level <= 5)),
    parent text,
    gone_on date
);
COMMENT ON COLUMN division.gone_on IS
    'when a newer edition was loaded that lists its superior whole and not it';

CREATE TABLE name_frequency (
    name text PRIMARY KEY,                      -- '' is the size of the register
    bearers int NOT NULL
);

CREATE TABLE registry_version (
    part text PRIMARY KEY,
    mark uuid NOT NULL,
    followed_to date,
    rules int
);
COMMENT ON TABLE registry_version IS
    'a new mark whenever the part changed; caches compare it';
COMMENT ON COLUMN registry_version.followed_to IS
    'of part organisation: whatever ended before this day has been followed by cases and tasks';
COMMENT ON COLUMN registry_version.rules IS
    'of part member_key: number of the rules of services.identity.keys';
