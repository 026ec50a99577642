"""Rows of loops on the dead-letter desk, how the loops and processes are, and alerts in the order of their commits."""

from __future__ import annotations

from alembic import op

revision = "0024_loops"
down_revision = "0023_key_rules"
branch_labels = None
depends_on = None

DESK = """
ALTER TABLE dead_letter DROP CONSTRAINT dead_letter_state_check;
ALTER TABLE dead_letter ADD CONSTRAINT dead_letter_state_check CHECK (state IN ('open', 'again', 'retried', 'skipped'));
COMMENT ON COLUMN dead_letter.state IS
    'open; again: a row of a loop that the loop is to try in its next round; retried; skipped';
CREATE INDEX dead_letter_aside ON dead_letter (consumer, type, key) WHERE topic = 'loop' AND state IN ('open', 'skipped');
CREATE INDEX dead_letter_again ON dead_letter (consumer) WHERE state = 'again';

CREATE TABLE loop_round (
    loop          text PRIMARY KEY,
    begun_at      timestamptz NOT NULL,
    succeeded_at  timestamptz,
    failed_at     timestamptz,
    part          text,
    reason_zh     text,
    reason_en     text
);
COMMENT ON TABLE loop_round IS 'the last round of each loop: when it succeeded, and which part failed last, and why';
CREATE TABLE process_beat (
    name       text PRIMARY KEY,
    role       text NOT NULL,
    at         timestamptz NOT NULL,
    reason_zh  text,
    reason_en  text
);
COMMENT ON TABLE process_beat IS 'each process of the cluster says every few seconds that it is there, or why it does nothing';
GRANT SELECT, INSERT, UPDATE, DELETE ON loop_round, process_beat TO guidui_worker;
"""
# written by the transaction that opens a task, or opens it again; pages of alerts go by it (services/cases/views/alerts.py)
ALERTS = """
ALTER TABLE task ADD COLUMN xid xid8 NOT NULL DEFAULT '0';
ALTER TABLE task ALTER COLUMN xid SET DEFAULT pg_current_xact_id();
COMMENT ON COLUMN task.xid IS 'the transaction that opened it, or opened it again; 0: before there was this column';
CREATE INDEX task_told ON task (organisation, xid, opened_at, id) WHERE closed_at IS NULL;
CREATE FUNCTION task_opened_again() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    NEW.xid := pg_current_xact_id();
    RETURN NEW;
END $$;
CREATE TRIGGER task_opened_again BEFORE UPDATE ON task FOR EACH ROW
    WHEN (OLD.closed_at IS NOT NULL AND NEW.closed_at IS NULL) EXECUTE FUNCTION task_opened_again();
"""
UNDO_ALERTS = """
DROP TRIGGER task_opened_again ON task;
DROP FUNCTION task_opened_again();
DROP INDEX task_told;
ALTER TABLE task DROP COLUMN xid;
"""
# an order to a batch may hold its first day as an ISO week or without dashes, which a cast to date cannot read
FIRST_DAYS = r"""
UPDATE case_event e SET detail = jsonb_set(e.detail, '{start_on}', to_jsonb(to_char(
    CASE WHEN w.plain ~ 'W' THEN to_date(rpad(w.plain, 8, '1'), 'IYYY"W"IWID') ELSE to_date(w.plain, 'YYYYMMDD') END,
    'YYYY-MM-DD')))
FROM (SELECT case_id, seq, replace(detail ->> 'start_on', '-', '') AS plain FROM case_event
      WHERE command = 'give_to_all' AND detail ->> 'start_on' !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$') w
WHERE e.case_id = w.case_id AND e.seq = w.seq
"""
UNDO_DESK = """
DROP TABLE process_beat, loop_round;
DROP INDEX dead_letter_aside, dead_letter_again;
DELETE FROM dead_letter WHERE state = 'again';
ALTER TABLE dead_letter DROP CONSTRAINT dead_letter_state_check;
ALTER TABLE dead_letter ADD CONSTRAINT dead_letter_state_check CHECK (state IN ('open', 'retried', 'skipped'));
"""


def upgrade() -> None:
    op.execute(DESK)
    op.execute(ALERTS)
    op.execute(FIRST_DAYS)


def downgrade() -> None:
    op.execute(UNDO_ALERTS)
    op.execute(UNDO_DESK)
