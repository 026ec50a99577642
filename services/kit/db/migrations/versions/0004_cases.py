"""Transfer cases: history rows move them, tasks stand beside them, letters and statements belong to them.

The application inserts history (``case_event``) and nothing else: one trigger checks each row against the table of
legal moves, moves the case by compare-and-set, opens and closes tasks, changes the member on an acceptance or a
recorded decision, writes the outbox row and notifies. An illegal move is impossible by SQL as well.
"""

from __future__ import annotations

from alembic import op

from services.cases.model import states
from services.kit.db.migrations.row_security import RANGE, row_security

revision = "0004_cases"
down_revision = "0003_intake"
branch_labels = None
depends_on = None

COLUMNS = """
    member text, parent uuid, position int, inflow boolean, category text, rule text, policy text, facts jsonb,
    poster text, origin text, origin_path text, origin_committee text,
    destination text, destination_path text, destination_source text, header text, area text,
    receiver text, receiving_committee text, ruling text, branch text,
    triaged_by_person boolean, chosen_by_person boolean,
    opened_at timestamptz, entered_at timestamptz, counted_from date, touched_at timestamptz,
    letter_number text, letter_issued_on date, letter_expires_on date, letter_channel text, letter_status text,
    letters int, first_issued_on date, accepted_on date, late boolean, bounced boolean, refusals int,
    returned_for text, receipt_due_on date, receipt_sent_on date, receipt_recorded_on date,
    placed_at timestamptz, talked_on date, review_on date, contact_interval int, host text, permit_no text,
    acknowledged_on date, contacted_on date, interrupted text, suspended_on date, merged_into uuid, obstacle text,
    asks jsonb, reports jsonb, paused boolean, start_on date, override text,
    owner text, wait_organisation text, wait_act text, wait_due date, wake_at timestamptz"""
NAMES = [part.split()[0] for part in COLUMNS.replace("\n", " ").split(",")]


def _quoted(words) -> str:
    return ", ".join(f"'{word}'" for word in sorted(words))


TABLES = f"""
CREATE TABLE transition (
    from_state text NOT NULL,                   -- '' where a case is opened
    command text NOT NULL,
    to_state text NOT NULL,
    by_people boolean NOT NULL,                 -- a command that an organisation gives, not the matcher or the clock
    PRIMARY KEY (from_state, command, to_state)
);
CREATE TABLE transfer_case (
    id uuid PRIMARY KEY,
    state text NOT NULL CHECK (state IN ({_quoted(states.STATES)})),
    seq int NOT NULL,
    {COLUMNS.strip()},
    CHECK (owner IS NOT NULL OR state IN ({_quoted(states.TERMINAL)})),
    CHECK (letter_expires_on - letter_issued_on <= 90),
    CHECK (state NOT IN ('accepted', 'placed', 'receipt_sent') OR accepted_on IS NOT NULL),
    CHECK (letter_status IN ('valid', 'expired', 'void', 'used'))
);
-- at most one case of a member that stands before its acceptance
CREATE UNIQUE INDEX one_case_per_member ON transfer_case (member)
    WHERE member IS NOT NULL AND state IN ({_quoted(states.BEFORE_ACCEPTED)});
CREATE INDEX transfer_case_member ON transfer_case (member);
CREATE INDEX transfer_case_origin ON transfer_case (origin_path text_pattern_ops);
CREATE INDEX transfer_case_destination ON transfer_case (destination_path text_pattern_ops)
    WHERE destination_path IS NOT NULL;
CREATE INDEX transfer_case_parent ON transfer_case (parent, position) WHERE parent IS NOT NULL;
CREATE INDEX transfer_case_wake ON transfer_case (wake_at) WHERE wake_at IS NOT NULL;

CREATE TABLE case_event (
    case_id uuid NOT NULL,
    seq int NOT NULL,
    at timestamptz NOT NULL,
    by_organisation text,
    by_person text,
    command text NOT NULL,
    from_state text,
    to_state text NOT NULL,
    reason text,
    detail jsonb,
    change jsonb,                               -- columns of the case that change; on the last row of a statement only
    opened jsonb,                               -- tasks opened: id, kind, act, organisation, path, due_on, opened_at
    closed jsonb,                               -- ids of tasks closed
    parties jsonb,                              -- organisations with a part off both lines: organisation, path
    PRIMARY KEY (case_id, seq)
);
CREATE TABLE case_party (
    case_id uuid NOT NULL,
    organisation text NOT NULL,
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
COMMENT ON TABLE case_person IS 'the least of a person that those with a part in the case must see';
CREATE TABLE statement (
    id uuid PRIMARY KEY,
    case_id uuid NOT NULL,
    event uuid,
    position int,
    source text NOT NULL,
    ext_id text NOT NULL,
    time timestamptz NOT NULL,
    kind text NOT NULL,
    facts jsonb NOT NULL,
    withdrawn boolean NOT NULL DEFAULT false
);
CREATE INDEX statement_case ON statement (case_id);
CREATE INDEX statement_event ON statement (source, ext_id);
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
    closed_at timestamptz
);
CREATE INDEX task_case ON task (case_id) WHERE closed_at IS NULL;
CREATE INDEX task_member ON task (member) WHERE closed_at IS NULL AND member IS NOT NULL;
CREATE INDEX task_due ON task (due_on) WHERE closed_at IS NULL;
CREATE INDEX task_path ON task (path text_pattern_ops, opened_at, id) WHERE closed_at IS NULL;
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
ALTER TABLE member ADD COLUMN last_sign_on date;
ALTER TABLE member ADD COLUMN wake_at timestamptz NOT NULL DEFAULT '-infinity';
CREATE INDEX member_wake ON member (wake_at) WHERE wake_at < 'infinity';
"""

_SET = ", ".join(f"{n} = s.{n}" for n in ["state", "seq", *NAMES])
_ROW = ", ".join(f"r.{n}" for n in NAMES)

# every row with the first of its case in this statement: a self-join would be planned for few rows and stay so
_WITH_FIRST = (
    "(SELECT e.*, first_value(e.seq) OVER w AS first_seq, first_value(e.from_state) OVER w AS first_from "
    "FROM new_event e WINDOW w AS (PARTITION BY e.case_id ORDER BY e.seq))"
)

FUNCTIONS = f"""
CREATE FUNCTION case_event_moves() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_bad record;
    v_first int;
    v_moved int;
BEGIN
    SELECT n.case_id, n.from_state, n.command, n.to_state INTO v_bad
    FROM new_event n LEFT JOIN transition t
        ON t.from_state = coalesce(n.from_state, '') AND t.command = n.command AND t.to_state = n.to_state
    WHERE t.command IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'illegal move: % from % to %', v_bad.command, v_bad.from_state, v_bad.to_state
            USING ERRCODE = 'check_violation';
    END IF;
    -- people's commands are given by an organisation with a part in the case, or above one that has
    SELECT n.command, n.by_organisation INTO v_bad
    FROM new_event n JOIN transition t
        ON t.by_people AND t.from_state = n.from_state AND t.command = n.command AND t.to_state = n.to_state
    JOIN transfer_case c ON c.id = n.case_id
    LEFT JOIN organisation o ON o.code = n.by_organisation
    WHERE (o.code IS NULL OR NOT (
            coalesce(starts_with(c.origin_path, o.path), false) OR coalesce(starts_with(c.destination_path, o.path), false)
            OR coalesce(o.code IN (c.origin, c.destination, c.header, c.receiver, c.branch, c.ruling, c.poster, c.host,
                                   c.owner), false)
            OR EXISTS (SELECT FROM case_party p WHERE p.case_id = c.id AND starts_with(p.path, o.path))))
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% has no part in the case and may not %', v_bad.by_organisation, v_bad.command
            USING ERRCODE = 'GD403';
    END IF;
    -- no standing changes without a decision with a name, a day and an approver
    PERFORM FROM new_event n WHERE n.command IN ('suspend', 'restore', 'strike_off')
        AND NOT (coalesce(n.detail, '{{}}') ?& ARRAY['decided_by', 'meeting_on', 'approved_by']);
    IF FOUND THEN
        RAISE EXCEPTION 'a decision needs decided_by, meeting_on and approved_by' USING ERRCODE = 'check_violation';
    END IF;
    PERFORM FROM (SELECT n.seq, n.from_state, n.change, lag(n.seq) OVER w AS seq_before,
                         lag(n.to_state) OVER w AS state_before, lead(n.seq) OVER w AS seq_after
                  FROM new_event n WINDOW w AS (PARTITION BY n.case_id ORDER BY n.seq)) o
    WHERE (o.seq_before IS NOT NULL AND (o.seq_before <> o.seq - 1 OR o.state_before IS DISTINCT FROM o.from_state))
       OR (o.seq_before IS NULL AND (o.from_state IS NULL) <> (o.seq = 1))
       OR (o.change IS NULL) <> (o.seq_after IS NOT NULL);
    IF FOUND THEN
        RAISE EXCEPTION 'history rows of a case do not follow one another' USING ERRCODE = 'check_violation';
    END IF;

    INSERT INTO transfer_case (id, state, seq, {", ".join(NAMES)})
    SELECT n.case_id, n.to_state, n.seq, {_ROW}
    FROM {_WITH_FIRST} n, LATERAL jsonb_populate_record(NULL::transfer_case, n.change) r
    WHERE n.change IS NOT NULL AND n.first_seq = 1;

    SELECT count(*) INTO v_first FROM {_WITH_FIRST} n WHERE n.change IS NOT NULL AND n.first_seq > 1;
    IF v_first > 0 THEN
        -- a destination that is left behind keeps its part in the case
        INSERT INTO case_party (case_id, organisation, path)
        SELECT c.id, c.destination, c.destination_path
        FROM new_event n JOIN transfer_case c ON c.id = n.case_id
        WHERE n.change ? 'destination' AND c.destination IS NOT NULL
          AND c.destination IS DISTINCT FROM n.change ->> 'destination'
        ON CONFLICT DO NOTHING;
        WITH moved AS (
            UPDATE transfer_case c SET {_SET}
            FROM (SELECT was.id, was.seq AS seq_seen, n.to_state AS state, n.seq, {_ROW}
                  FROM {_WITH_FIRST} n
                  JOIN transfer_case was ON was.id = n.case_id AND was.seq = n.first_seq - 1
                      AND was.state = n.first_from,
                  LATERAL jsonb_populate_record(was, n.change) r
                  WHERE n.change IS NOT NULL AND n.first_seq > 1) s
            WHERE c.id = s.id AND c.seq = s.seq_seen RETURNING 1)
        SELECT count(*) INTO v_moved FROM moved;
        IF v_moved <> v_first THEN
            RAISE EXCEPTION 'the case moved meanwhile' USING ERRCODE = 'GD409';
        END IF;
        UPDATE member m SET organisation = c.destination, path = c.destination_path, wake_at = '-infinity'
        FROM new_event n JOIN transfer_case c ON c.id = n.case_id
        WHERE m.member = c.member AND n.command IN ('accept', 'record_paper_receipt');
        UPDATE member m SET wake_at = '-infinity', standing = CASE n.command WHEN 'suspend' THEN 'suspended'
            WHEN 'restore' THEN 'normal' WHEN 'strike_off' THEN 'ended' WHEN 'close' THEN 'ended' ELSE m.standing END
        FROM new_event n JOIN transfer_case c ON c.id = n.case_id
        WHERE m.member = c.member AND (n.command IN ('suspend', 'restore', 'strike_off', 'mark_lost', 'found')
            OR n.command = 'close' AND n.reason IN ('deceased', 'left_the_party'));
        UPDATE task t SET closed_at = n.at FROM new_event n, jsonb_array_elements_text(n.closed) k(id)
        WHERE t.id = k.id::uuid AND t.closed_at IS NULL;
    END IF;

    INSERT INTO case_party (case_id, organisation, path)
    SELECT DISTINCT n.case_id, k.organisation, k.path
    FROM new_event n, jsonb_to_recordset(n.parties) k(organisation text, path text)
    WHERE n.parties IS NOT NULL
    ON CONFLICT DO NOTHING;

    INSERT INTO task (id, case_id, kind, act, organisation, path, due_on, opened_at)
    SELECT k.id, n.case_id, k.kind, k.act, k.organisation, k.path, k.due_on, k.opened_at
    FROM new_event n, jsonb_to_recordset(n.opened)
        k(id uuid, kind text, act text, organisation text, path text, due_on date, opened_at timestamptz)
    WHERE n.opened IS NOT NULL
    ON CONFLICT (id) DO UPDATE SET closed_at = NULL, due_on = excluded.due_on, act = excluded.act;

    INSERT INTO event_log (topic, key, event_id, type, body, time, at)
    SELECT 'cases', n.case_id::text, md5(n.case_id::text || ':' || n.seq)::uuid, 'guidui.case.moved.v1',
           json_build_object('case', n.case_id, 'seq', n.seq, 'command', n.command, 'from', n.from_state,
               'to', n.to_state, 'at', n.at, 'by', n.by_organisation, 'origin', c.origin,
               'destination', c.destination, 'header', c.header, 'owner', c.owner,
               'tasks_opened', coalesce((SELECT jsonb_agg(k - 'path' - 'opened_at')
                                         FROM jsonb_array_elements(n.opened) k), '[]'),
               'tasks_closed', coalesce(n.closed, '[]')),
           n.at, n.at
    FROM new_event n JOIN transfer_case c ON c.id = n.case_id
    WHERE n.change IS NOT NULL ORDER BY n.case_id;
    PERFORM pg_notify('event_log', '');
    RETURN NULL;
END $$;
CREATE TRIGGER case_event_moves AFTER INSERT ON case_event REFERENCING NEW TABLE AS new_event
    FOR EACH STATEMENT EXECUTE FUNCTION case_event_moves();

-- a person's own clock and signs of organisational life; the affiliation is out of reach here
CREATE FUNCTION member_signs(signs json) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE member m SET last_life_on = greatest(m.last_life_on, s.life), last_sign_on = greatest(m.last_sign_on, s.sign),
        dues_paid_to = greatest(m.dues_paid_to, s.dues), wake_at = '-infinity'
    FROM (SELECT member, max(life) AS life, max(sign) AS sign, max(dues) AS dues
          FROM json_to_recordset(signs) x(member text, life date, sign date, dues text) GROUP BY member) s
    WHERE m.member = s.member
$$;
CREATE FUNCTION member_wakes(wakes json) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE member m SET wake_at = coalesce(s.wake_at, 'infinity')
    FROM json_to_recordset(wakes) s(member text, wake_at timestamptz) WHERE m.member = s.member
$$;
-- when the clock looks at a case next: the one column that moves without history, since it says nothing of the case
CREATE FUNCTION cases_wake(wakes json) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE transfer_case c SET wake_at = s.wake_at
    FROM json_to_recordset(wakes) s(id uuid, wake_at timestamptz) WHERE c.id = s.id
$$;
-- a new calendar moves deadlines, not cases
CREATE FUNCTION cases_due(dues json) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE transfer_case c SET wait_due = s.wait_due
    FROM json_to_recordset(dues) s(id uuid, wait_due date) WHERE c.id = s.id
$$;
CREATE FUNCTION case_paths_follow(old_prefix text, new_prefix text) RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE transfer_case c SET
        origin_path = CASE WHEN starts_with(origin_path, old_prefix)
            THEN new_prefix || substr(origin_path, length(old_prefix) + 1) ELSE origin_path END,
        destination_path = CASE WHEN starts_with(destination_path, old_prefix)
            THEN new_prefix || substr(destination_path, length(old_prefix) + 1) ELSE destination_path END
    WHERE starts_with(origin_path, old_prefix) OR starts_with(destination_path, old_prefix) RETURNING id
$$;
REVOKE ALL ON FUNCTION case_event_moves(), member_signs(json), member_wakes(json), cases_wake(json), cases_due(json),
    case_paths_follow(text, text) FROM PUBLIC;
"""

GRANTS = """
GRANT SELECT ON transition, transfer_case, case_event, case_party, case_person, statement, task, case_look,
    calendar_day TO guidui_web, guidui_worker;
GRANT INSERT ON case_event, case_person, statement, task, case_look, calendar_day TO guidui_worker;
GRANT UPDATE ON case_person TO guidui_worker;
GRANT UPDATE (case_id, withdrawn) ON statement TO guidui_worker;
GRANT UPDATE (due_on, act, closed_at) ON task TO guidui_worker;
GRANT UPDATE, DELETE ON calendar_day TO guidui_worker;
GRANT EXECUTE ON FUNCTION member_signs(json), member_wakes(json), cases_wake(json), cases_due(json),
    case_paths_follow(text, text) TO guidui_worker;
"""

VIEWERS = {
    # one range condition per indexed column, and an uncorrelated array: the form that neither leaks nor crawls
    "transfer_case": f"({RANGE.format('origin_path')}) OR ({RANGE.format('destination_path')}) OR id = ANY (ARRAY("
    f"SELECT p.case_id FROM case_party p WHERE {RANGE.format('p.path')}))",
    "case_party": RANGE.format("path"),
    "task": RANGE.format("path"),
    "case_event": "EXISTS (SELECT FROM transfer_case c WHERE c.id = case_id)",
    "case_person": "EXISTS (SELECT FROM transfer_case c WHERE c.id = case_id)",
    "statement": "EXISTS (SELECT FROM transfer_case c WHERE c.id = case_id)",
    "case_look": "EXISTS (SELECT FROM transfer_case c WHERE c.id = case_id)",
}


def upgrade() -> None:
    op.execute(TABLES)
    rows = [
        (source or "", command, target, command in states.COMMANDS)
        for (source, command), targets in states.TRANSITIONS.items()
        for target in sorted(targets)
    ]
    op.execute(
        "INSERT INTO transition VALUES "
        + ", ".join(f"('{a}', '{b}', '{c}', {d})" for a, b, c, d in rows)
    )
    op.execute(FUNCTIONS)
    op.execute(GRANTS)
    op.execute(row_security(VIEWERS))


def downgrade() -> None:
    op.execute(
        "DROP TABLE calendar_day, case_look, task, statement, case_person, case_party, case_event, "
        "transfer_case, transition CASCADE"
    )
    op.execute(
        "DROP FUNCTION case_event_moves(), member_signs(json), member_wakes(json), cases_wake(json), cases_due(json), "
        "case_paths_follow(text, text)"
    )
    op.execute("ALTER TABLE member DROP COLUMN last_sign_on, DROP COLUMN wake_at")
