-- The law of cases. The application inserts rows of history and nothing else; for the rows of
-- one statement this checks each move against the table of legal moves and who gives it, moves
-- the case where nobody else moved it meanwhile (GD409), opens and closes its tasks, moves the
-- member on an acceptance, writes the message of the move, and wakes who reads messages. What it
-- refuses is undone as a whole.
CREATE OR REPLACE FUNCTION case_event_moves()
RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_bad record;
    v_first int;
    v_moved int;
BEGIN
    SELECT n.case_id, n.from_state, n.command, n.to_state INTO v_bad
    FROM new_event n LEFT JOIN transition t
        ON t.from_state = coalesce(n.from_state, '') AND t.command = n.command
            AND t.to_state = n.to_state
    WHERE t.command IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'illegal move: % from % to %', v_bad.command, v_bad.from_state,
            v_bad.to_state
            USING ERRCODE = 'check_violation';
    END IF;
    -- people's commands are given by an organisation with a part in the case, or above one that has
    SELECT n.command, n.by_organisation INTO v_bad
    FROM new_event n JOIN transition t
        ON t.by_people AND t.from_state = n.from_state AND t.command = n.command
            AND t.to_state = n.to_state
    JOIN transfer_case c ON c.id = n.case_id
    LEFT JOIN organisation o ON o.code = n.by_organisation
    WHERE (o.code IS NULL OR NOT (
            coalesce(starts_with(c.origin_path, o.path), false)
                OR coalesce(starts_with(c.destination_path, o.path), false)
            OR coalesce(o.code IN (c.origin, c.destination, c.header, c.receiver, c.branch,
                c.ruling, c.poster, c.host,
                                   c.owner), false)
            OR EXISTS (SELECT FROM case_party p WHERE p.case_id = c.id AND starts_with(p.path,
                o.path))))
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% has no part in the case and may not %', v_bad.by_organisation,
            v_bad.command
            USING ERRCODE = 'GD403';
    END IF;
    -- no standing changes without a decision with a name, a day and an approver
    PERFORM FROM new_event n WHERE n.command IN ('suspend', 'restore', 'strike_off')
        AND NOT (coalesce(n.detail, '{}') ?& ARRAY['decided_by', 'meeting_on', 'approved_by']);
    IF FOUND THEN
        RAISE EXCEPTION 'a decision needs decided_by, meeting_on and approved_by'
            USING ERRCODE = 'check_violation';
    END IF;
    PERFORM FROM (SELECT n.seq, n.from_state, n.change, lag(n.seq) OVER w AS seq_before,
                         lag(n.to_state) OVER w AS state_before, lead(n.seq) OVER w AS seq_after
                  FROM new_event n WINDOW w AS (PARTITION BY n.case_id ORDER BY n.seq)) o
    WHERE (o.seq_before IS NOT NULL AND (o.seq_before <> o.seq - 1 OR o.state_before IS DISTINCT
        FROM o.from_state))
       OR (o.seq_before IS NULL AND (o.from_state IS NULL) <> (o.seq = 1))
       OR (o.change IS NULL) <> (o.seq_after IS NOT NULL);
    IF FOUND THEN
        RAISE EXCEPTION 'history rows of a case do not follow one another'
            USING ERRCODE = 'check_violation';
    END IF;

    INSERT INTO transfer_case (id, state, seq, member, parent, position, inflow, category, rule,
        policy, facts, poster, origin, origin_path, origin_committee, destination, destination_path,
        destination_source, header, area, receiver, receiving_committee, ruling, branch,
        triaged_by_person, chosen_by_person, opened_at, entered_at, counted_from, touched_at,
        letter_number, letter_issued_on, letter_expires_on, letter_channel, letter_status, letters,
        first_issued_on, accepted_on, late, bounced, refusals, returned_for, receipt_due_on,
        receipt_sent_on, receipt_recorded_on, placed_at, talked_on, review_on, contact_interval,
        host, permit_no, acknowledged_on, contacted_on, interrupted, suspended_on, merged_into,
        obstacle, asks, reports, paused, start_on, override, owner, wait_organisation, wait_act,
        wait_due, wake_at)
    SELECT n.case_id, n.to_state, n.seq, r.member, r.parent, r.position, r.inflow, r.category,
        r.rule, r.policy, r.facts, r.poster, r.origin, r.origin_path, r.origin_committee,
        r.destination, r.destination_path, r.destination_source, r.header, r.area, r.receiver,
        r.receiving_committee, r.ruling, r.branch, r.triaged_by_person, r.chosen_by_person,
        r.opened_at, r.entered_at, r.counted_from, r.touched_at, r.letter_number,
        r.letter_issued_on, r.letter_expires_on, r.letter_channel, r.letter_status, r.letters,
        r.first_issued_on, r.accepted_on, r.late, r.bounced, r.refusals, r.returned_for,
        r.receipt_due_on, r.receipt_sent_on, r.receipt_recorded_on, r.placed_at, r.talked_on,
        r.review_on, r.contact_interval, r.host, r.permit_no, r.acknowledged_on, r.contacted_on,
        r.interrupted, r.suspended_on, r.merged_into, r.obstacle, r.asks, r.reports, r.paused,
        r.start_on, r.override, r.owner, r.wait_organisation, r.wait_act, r.wait_due, r.wake_at
    FROM (SELECT e.*, first_value(e.seq) OVER w AS first_seq,
        first_value(e.from_state) OVER w AS first_from
        FROM new_event e WINDOW w AS (PARTITION BY e.case_id ORDER BY e.seq)) n,
        LATERAL jsonb_populate_record(NULL::transfer_case, n.change) r
    WHERE n.change IS NOT NULL AND n.first_seq = 1;

    SELECT count(*) INTO v_first
    FROM (SELECT e.*, first_value(e.seq) OVER w AS first_seq
          FROM new_event e WINDOW w AS (PARTITION BY e.case_id ORDER BY e.seq)) n
    WHERE n.change IS NOT NULL AND n.first_seq > 1;
    IF v_first > 0 THEN
        -- a destination that is left behind keeps its part in the case
        INSERT INTO case_party (case_id, organisation, path)
        SELECT c.id, c.destination, c.destination_path
        FROM new_event n JOIN transfer_case c ON c.id = n.case_id
        WHERE n.change ? 'destination' AND c.destination IS NOT NULL
          AND c.destination IS DISTINCT FROM n.change ->> 'destination'
        ON CONFLICT DO NOTHING;
        WITH moved AS (
            UPDATE transfer_case c SET state = s.state, seq = s.seq, member = s.member,
                parent = s.parent, position = s.position, inflow = s.inflow, category = s.category,
                rule = s.rule, policy = s.policy, facts = s.facts, poster = s.poster,
                origin = s.origin, origin_path = s.origin_path,
                origin_committee = s.origin_committee, destination = s.destination,
                destination_path = s.destination_path, destination_source = s.destination_source,
                header = s.header, area = s.area, receiver = s.receiver,
                receiving_committee = s.receiving_committee, ruling = s.ruling, branch = s.branch,
                triaged_by_person = s.triaged_by_person, chosen_by_person = s.chosen_by_person,
                opened_at = s.opened_at, entered_at = s.entered_at, counted_from = s.counted_from,
                touched_at = s.touched_at, letter_number = s.letter_number,
                letter_issued_on = s.letter_issued_on, letter_expires_on = s.letter_expires_on,
                letter_channel = s.letter_channel, letter_status = s.letter_status,
                letters = s.letters, first_issued_on = s.first_issued_on,
                accepted_on = s.accepted_on, late = s.late, bounced = s.bounced,
                refusals = s.refusals, returned_for = s.returned_for,
                receipt_due_on = s.receipt_due_on, receipt_sent_on = s.receipt_sent_on,
                receipt_recorded_on = s.receipt_recorded_on, placed_at = s.placed_at,
                talked_on = s.talked_on, review_on = s.review_on,
                contact_interval = s.contact_interval, host = s.host, permit_no = s.permit_no,
                acknowledged_on = s.acknowledged_on, contacted_on = s.contacted_on,
                interrupted = s.interrupted, suspended_on = s.suspended_on,
                merged_into = s.merged_into, obstacle = s.obstacle, asks = s.asks,
                reports = s.reports, paused = s.paused, start_on = s.start_on,
                override = s.override, owner = s.owner, wait_organisation = s.wait_organisation,
                wait_act = s.wait_act, wait_due = s.wait_due, wake_at = s.wake_at
            FROM (SELECT was.id, was.seq AS seq_seen, n.to_state AS state, n.seq, r.member,
                r.parent, r.position, r.inflow, r.category, r.rule, r.policy, r.facts, r.poster,
                r.origin, r.origin_path, r.origin_committee, r.destination, r.destination_path,
                r.destination_source, r.header, r.area, r.receiver, r.receiving_committee, r.ruling,
                r.branch, r.triaged_by_person, r.chosen_by_person, r.opened_at, r.entered_at,
                r.counted_from, r.touched_at, r.letter_number, r.letter_issued_on,
                r.letter_expires_on, r.letter_channel, r.letter_status, r.letters,
                r.first_issued_on, r.accepted_on, r.late, r.bounced, r.refusals, r.returned_for,
                r.receipt_due_on, r.receipt_sent_on, r.receipt_recorded_on, r.placed_at,
                r.talked_on, r.review_on, r.contact_interval, r.host, r.permit_no,
                r.acknowledged_on, r.contacted_on, r.interrupted, r.suspended_on, r.merged_into,
                r.obstacle, r.asks, r.reports, r.paused, r.start_on, r.override, r.owner,
                r.wait_organisation, r.wait_act, r.wait_due, r.wake_at
                  FROM (SELECT e.*, first_value(e.seq) OVER w AS first_seq,
                      first_value(e.from_state) OVER w AS first_from
                      FROM new_event e WINDOW w AS (PARTITION BY e.case_id ORDER BY e.seq)) n
                  JOIN transfer_case was ON was.id = n.case_id AND was.seq = n.first_seq - 1
                      AND was.state = n.first_from,
                  LATERAL jsonb_populate_record(was, n.change) r
                  WHERE n.change IS NOT NULL AND n.first_seq > 1) s
            WHERE c.id = s.id AND c.seq = s.seq_seen RETURNING 1)
        SELECT count(*) INTO v_moved FROM moved;
        IF v_moved <> v_first THEN
            RAISE EXCEPTION 'the case moved meanwhile' USING ERRCODE = 'GD409';
        END IF;
        UPDATE member m SET organisation = c.destination, path = c.destination_path,
            wake_at = '-infinity'
        FROM new_event n JOIN transfer_case c ON c.id = n.case_id
        WHERE m.member = c.member AND n.command IN ('accept', 'record_paper_receipt');
        UPDATE member m SET wake_at = '-infinity', standing = CASE n.command
            WHEN 'suspend' THEN 'suspended'
            WHEN 'restore' THEN 'normal'
            WHEN 'strike_off' THEN 'ended'
            WHEN 'close' THEN 'ended'
            ELSE m.standing END
        FROM new_event n JOIN transfer_case c ON c.id = n.case_id
        WHERE m.member = c.member AND (
            n.command IN ('suspend', 'restore', 'strike_off', 'mark_lost', 'found')
            OR n.command = 'close' AND n.reason IN ('deceased', 'left_the_party'));
        UPDATE task t SET closed_at = n.at FROM new_event n,
            jsonb_array_elements_text(n.closed) k(id)
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
        k(id uuid, kind text, act text, organisation text, path text, due_on date,
            opened_at timestamptz)
    WHERE n.opened IS NOT NULL
    ON CONFLICT (id) DO UPDATE SET closed_at = NULL, due_on = excluded.due_on, act = excluded.act;

    INSERT INTO event_log (topic, key, event_id, type, body, time, at)
    SELECT 'cases', n.case_id::text, md5(n.case_id::text || ':' || n.seq)::uuid,
        'guidui.case.moved.v1',
           json_build_object('case', n.case_id, 'seq', n.seq, 'command', n.command, 'from',
               n.from_state,
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
REVOKE ALL ON FUNCTION case_event_moves() FROM PUBLIC;
