CREATE TABLE notice (
    id uuid PRIMARY KEY,
    task uuid NOT NULL,
    stage text NOT NULL CHECK (stage IN ('opened', 'overdue')),
    case_id uuid,
    kind text NOT NULL,
    act text NOT NULL,
    due_on date,
    organisation text NOT NULL,
    recipient text NOT NULL,
    path text NOT NULL,
    contact uuid,
    channel text NOT NULL,
    because text CHECK (because IN ('post_ended', 'bounced', 'undelivered', 'overdue')),
    urgent boolean NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'sending', 'sent', 'failed', 'not_sent')),
    why text,
    due_at timestamptz NOT NULL,
    mail uuid,
    attempts smallint DEFAULT 0 NOT NULL,
    lease uuid,
    lease_until timestamptz,
    waited real,
    delivered_at timestamptz,
    seen_at timestamptz,
    acted_at timestamptz
);
COMMENT ON COLUMN notice.organisation IS
    'whose task it is';
COMMENT ON COLUMN notice.recipient IS
    'who is told: the organisation itself, or one above it (see because)';
COMMENT ON COLUMN notice.path IS
    'of the recipient';
COMMENT ON COLUMN notice.contact IS
    'null: the inbox of the organisation in the portal';
COMMENT ON COLUMN notice.mail IS
    'the message it travels in, several notices in one; stays for every repetition';
COMMENT ON COLUMN notice.waited IS
    'seconds from due to the first hand-over to the channel';
COMMENT ON COLUMN notice.delivered_at IS
    'the channel took it: the inbox row stands, the mail server answered 250';
CREATE INDEX notice_due ON notice (due_at) WHERE state IN ('waiting', 'sending');
CREATE INDEX notice_path ON notice (path text_pattern_ops, due_at);
CREATE INDEX notice_task ON notice (task);
CREATE INDEX notice_unseen ON notice (case_id, recipient) WHERE seen_at IS NULL;

CREATE TABLE notice_attempt (
    id uuid PRIMARY KEY,
    mail uuid NOT NULL,
    contact uuid NOT NULL,
    path text NOT NULL,
    channel text NOT NULL,
    notices int NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    outcome text CHECK (outcome IN ('sent', 'failed', 'unknown')),
    reason text,
    CONSTRAINT notice_attempt_check CHECK ((ended_at IS NULL) = (outcome IS NULL))
);
COMMENT ON TABLE notice_attempt IS
    'written before the channel is called; without an outcome the call is under way';
CREATE INDEX notice_attempt_mail ON notice_attempt (mail);
CREATE INDEX notice_attempt_path ON notice_attempt (path text_pattern_ops);
CREATE INDEX notice_attempt_started ON notice_attempt (channel, started_at);
