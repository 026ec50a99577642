"""Roles; the event log; cursors, inbox, dead letters, parked messages."""

from __future__ import annotations

from alembic import op

revision = "0001_kit"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['guidui_web', 'guidui_worker'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- roles belong to the server, and another database of it has made them
        END;
    END LOOP;
END $$;

GRANT USAGE ON SCHEMA public TO guidui_web, guidui_worker;

CREATE TABLE event_log (
    id        bigint GENERATED ALWAYS AS IDENTITY,
    xid       xid8 NOT NULL DEFAULT pg_current_xact_id(),
    topic     text NOT NULL,
    key       text NOT NULL,
    event_id  uuid NOT NULL UNIQUE,
    type      text NOT NULL,
    body      json NOT NULL,
    time      timestamptz NOT NULL,
    cause     uuid,
    at        timestamptz NOT NULL,
    PRIMARY KEY (xid, id)
);
CREATE INDEX event_log_topic ON event_log (topic, xid, id);
COMMENT ON TABLE event_log IS
    'outbox and log; append only; read in (xid, id) order below pg_snapshot_xmin; nothing personal';

CREATE TABLE cursors (
    consumer  text PRIMARY KEY,
    xid       xid8 NOT NULL,
    id        bigint NOT NULL
);
COMMENT ON TABLE cursors IS 'how far the relay and each embedded tailer have read event_log';

CREATE TABLE inbox (
    consumer  text NOT NULL,
    event_id  uuid NOT NULL,
    at        timestamptz NOT NULL,
    PRIMARY KEY (consumer, event_id)
);
COMMENT ON TABLE inbox IS 'what a consumer has taken effect of, written in the transaction of the effect';

CREATE TABLE dead_letter (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer  text NOT NULL,
    event_id  uuid NOT NULL,
    topic     text NOT NULL,
    key       text,
    type      text NOT NULL,
    time      timestamptz NOT NULL,
    cause     uuid,
    body      json,
    reason_zh text NOT NULL,
    reason_en text NOT NULL,
    attempts  int NOT NULL,
    state     text NOT NULL CHECK (state IN ('open', 'retried', 'skipped')),
    at        timestamptz NOT NULL,
    decided_at timestamptz,
    UNIQUE (consumer, event_id)
);
CREATE INDEX dead_letter_open ON dead_letter (consumer, key) WHERE state = 'open';
COMMENT ON TABLE dead_letter IS 'messages that failed alone; an open one parks its key';
COMMENT ON COLUMN dead_letter.key IS 'null: the record could not be read, and parks nothing';

CREATE TABLE parked (
    position  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer  text NOT NULL,
    event_id  uuid NOT NULL,
    topic     text NOT NULL,
    key       text NOT NULL,
    type      text NOT NULL,
    time      timestamptz NOT NULL,
    cause     uuid,
    body      json NOT NULL,
    at        timestamptz NOT NULL,
    UNIQUE (consumer, event_id)
);
CREATE INDEX parked_key ON parked (consumer, key, position);
COMMENT ON TABLE parked IS 'later messages of a key with an open dead letter, in their order';

CREATE TABLE consumer_state (
    consumer    text PRIMARY KEY,
    mark_xid    xid8 NOT NULL DEFAULT '0',
    mark_id     bigint NOT NULL DEFAULT 0,
    moved_at    timestamptz,
    stopped_at  timestamptz,
    stopped_zh  text,
    stopped_en  text
);
COMMENT ON COLUMN consumer_state.mark_xid IS 'low-water mark: everything up to here has its inbox row';
COMMENT ON COLUMN consumer_state.stopped_at IS 'set when too much was poison; the consumer waits until it is cleared';

CREATE TABLE resend (
    event_id      uuid PRIMARY KEY,
    asked_at      timestamptz NOT NULL,
    published_at  timestamptz,
    times         int NOT NULL DEFAULT 0
);
COMMENT ON TABLE resend IS 'what the reconciler missed and the relay publishes again';

GRANT SELECT, INSERT ON event_log TO guidui_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON cursors, inbox, dead_letter, parked, consumer_state, resend TO guidui_worker;
""")
