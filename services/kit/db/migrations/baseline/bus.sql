CREATE TABLE event_log (
    id bigint GENERATED ALWAYS AS IDENTITY,
    xid xid8 DEFAULT pg_current_xact_id(),
    topic text NOT NULL,
    key text NOT NULL,
    event_id uuid NOT NULL UNIQUE,
    type text NOT NULL,
    body json NOT NULL,
    "time" timestamptz NOT NULL,
    cause uuid,
    at timestamptz NOT NULL,
    PRIMARY KEY (xid, id)
);
COMMENT ON TABLE event_log IS
    'outbox and log; append only; read in (xid, id) order below pg_snapshot_xmin; nothing personal';
CREATE INDEX event_log_topic ON event_log (topic, xid, id);

CREATE TABLE cursors (
    consumer text PRIMARY KEY,
    xid xid8 NOT NULL,
    id bigint NOT NULL
);
COMMENT ON TABLE cursors IS
    'how far the relay and each embedded tailer have read event_log';

CREATE TABLE inbox (
    consumer text,
    event_id uuid,
    at timestamptz NOT NULL,
    PRIMARY KEY (consumer, event_id)
);
COMMENT ON TABLE inbox IS
    'what a consumer has taken effect of, written in the transaction of the effect';

CREATE TABLE dead_letter (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    topic text NOT NULL,
    key text,
    type text NOT NULL,
    "time" timestamptz NOT NULL,
    cause uuid,
    body json,
    reason_zh text NOT NULL,
    reason_en text NOT NULL,
    attempts int NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'again', 'retried', 'skipped')),
    at timestamptz NOT NULL,
    decided_at timestamptz,
    organisation text,
    UNIQUE (consumer, event_id)
);
COMMENT ON TABLE dead_letter IS
    'messages that failed alone; an open one parks its key';
COMMENT ON COLUMN dead_letter.key IS
    'null: the record could not be read, and parks nothing';
COMMENT ON COLUMN dead_letter.state IS
    'open; again: a row of a loop that the loop is to try in its next round; retried; skipped';
COMMENT ON COLUMN dead_letter.organisation IS
    'whose it is, as far as known; null: the operator''s alone';
CREATE INDEX dead_letter_again ON dead_letter (consumer) WHERE state = 'again';
CREATE INDEX dead_letter_aside ON dead_letter (consumer, type, key) WHERE (topic = 'loop') AND
    (state IN ('open', 'skipped'));
CREATE INDEX dead_letter_open ON dead_letter (consumer, key) WHERE state = 'open';

CREATE TABLE parked (
    "position" bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    type text NOT NULL,
    "time" timestamptz NOT NULL,
    cause uuid,
    body json NOT NULL,
    at timestamptz NOT NULL,
    UNIQUE (consumer, event_id)
);
COMMENT ON TABLE parked IS
    'later messages of a key with an open dead letter, in their order';
CREATE INDEX parked_key ON parked (consumer, key, "position");

CREATE TABLE consumer_state (
    consumer text PRIMARY KEY,
    mark_xid xid8 DEFAULT '0' NOT NULL,
    mark_id bigint DEFAULT 0 NOT NULL,
    moved_at timestamptz,
    stopped_at timestamptz,
    stopped_zh text,
    stopped_en text
);
COMMENT ON COLUMN consumer_state.mark_xid IS
    'low-water mark: everything up to here has its inbox row';
COMMENT ON COLUMN consumer_state.stopped_at IS
    'set when too much was poison; the consumer waits until it is cleared';

CREATE TABLE resend (
    event_id uuid PRIMARY KEY,
    asked_at timestamptz NOT NULL,
    published_at timestamptz,
    times int DEFAULT 0 NOT NULL
);
COMMENT ON TABLE resend IS
    'what the reconciler missed and the relay publishes again';

CREATE TABLE loop_round (
    loop text PRIMARY KEY,
    begun_at timestamptz NOT NULL,
    succeeded_at timestamptz,
    failed_at timestamptz,
    part text,
    reason_zh text,
    reason_en text
);
COMMENT ON TABLE loop_round IS
    'the last round of each loop: when it succeeded, and which part failed last, and why';

CREATE TABLE process_beat (
    name text PRIMARY KEY,
    role text NOT NULL,
    at timestamptz NOT NULL,
    reason_zh text,
    reason_en text
);
COMMENT ON TABLE process_beat IS
    'each process of the cluster says every few seconds that it is there, or why it does nothing';
