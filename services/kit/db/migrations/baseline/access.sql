CREATE TABLE api_key (
    id uuid PRIMARY KEY,
    hash text NOT NULL UNIQUE,  -- SHA-256 of the key; the key itself is shown once and kept nowhere
    organisation text,
    path text NOT NULL,
    role text NOT NULL CHECK (role IN ('sender', 'receiver', 'department', 'admin', 'operator')),
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX api_key_path ON api_key (path text_pattern_ops);

CREATE TABLE account (
    id uuid PRIMARY KEY,
    organisation text REFERENCES organisation,
    path text NOT NULL,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('secretary', 'clerk', 'department', 'admin', 'operator')),
    password_hash text NOT NULL,                -- argon2id
    must_change boolean NOT NULL,
    created_at timestamptz NOT NULL,
    changed_at timestamptz,
    ended_at timestamptz,
    signed_in_at timestamptz,
    UNIQUE (organisation, name),
    CONSTRAINT account_operator_has_none CHECK ((role = 'operator') = (organisation IS NULL))
);
CREATE UNIQUE INDEX account_operator_name ON account (name) WHERE organisation IS NULL;
CREATE INDEX account_path ON account (path text_pattern_ops);

CREATE TABLE session (
    token_hash text PRIMARY KEY,                -- SHA-256 of the cookie
    account uuid NOT NULL REFERENCES account ON DELETE CASCADE,
    opened_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL
);
CREATE INDEX session_account_is ON session (account);
CREATE INDEX session_opened ON session (opened_at);

CREATE TABLE sign_in_brake (
    subject text PRIMARY KEY,                   -- HMAC of who is tried and from where
    tries int NOT NULL,
    last_at timestamptz NOT NULL,
    next_at timestamptz NOT NULL                -- before this moment no password is looked at
);
CREATE INDEX sign_in_brake_last ON sign_in_brake (last_at);

CREATE TABLE known_device (
    token_hash text,  -- SHA-256 of a cookie that was set when the account signed in
    account uuid REFERENCES account ON DELETE CASCADE,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (token_hash, account)
);
CREATE INDEX known_device_account ON known_device (account);
CREATE INDEX known_device_seen ON known_device (seen_at);

CREATE TABLE context_secret (
    the_one boolean DEFAULT true PRIMARY KEY CHECK (the_one),
    inner_key bytea NOT NULL CHECK (octet_length(inner_key) = 64),
    outer_key bytea NOT NULL CHECK (octet_length(outer_key) = 64)
);
COMMENT ON TABLE context_secret IS
    'keys of the seal; nobody but the owner reads them';

CREATE TABLE security_log (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    event text NOT NULL CHECK (event ~ '^[a-z_]{1,40}$'),
    result text NOT NULL CHECK (result IN ('done', 'refused', 'failed')),
    organisation text,  -- of whoever acted; null: an operator, the program, or nobody known
    path text NOT NULL,  -- of the organisation whose department reads the row; '': operators only
    account uuid,
    key_id uuid,
    role text,
    object text,                                -- the kind of thing it was about
    reference text,  -- id of the key or account it was about; HMAC of what was typed
    detail text,                                -- a code of the program's, never words of anybody
    trace text
);
COMMENT ON TABLE security_log IS
    'added to, never altered; nobody is named in it';
CREATE INDEX security_log_at ON security_log (at DESC, id DESC);
CREATE INDEX security_log_path ON security_log (path text_pattern_ops, at DESC, id DESC);

CREATE TABLE lookup_count (
    organisation text,
    day date,
    kind text,
    number int NOT NULL,
    PRIMARY KEY (organisation, day, kind)
);
COMMENT ON TABLE lookup_count IS
    'how often an organisation looked for persons on a day, against what policy allows';

CREATE TABLE list_look (
    id uuid PRIMARY KEY,
    organisation text NOT NULL,
    path text NOT NULL,
    person text,
    list text NOT NULL,
    shown int NOT NULL,
    at timestamptz NOT NULL
);
COMMENT ON TABLE list_look IS
    'who opened a list of persons, and how many it showed; which ones is told by no row';
CREATE INDEX list_look_at ON list_look (at);
CREATE INDEX list_look_path ON list_look (path text_pattern_ops, at);
