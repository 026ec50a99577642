"""What it takes to undo any match: each sign of life with its event, what the register itself said, and what a case forgets."""

from __future__ import annotations

from alembic import op

from services.kit.db.migrations.row_security import row_security

revision = "0017_undo"
down_revision = "0016_receipt_scans"
branch_labels = None
depends_on = None

SIGNS = """
ALTER TABLE member ADD COLUMN register_life_on date, ADD COLUMN register_dues_to text;
COMMENT ON COLUMN member.register_life_on IS
    'the latest that a file said of last_life_on; last_life_on is the latest of this and of the member''s signs';
UPDATE member SET register_life_on = last_life_on, register_dues_to = dues_paid_to;
GRANT UPDATE (register_life_on, register_dues_to) ON member TO guidui_worker;
CREATE TABLE member_sign (
    event_id uuid NOT NULL,
    position int NOT NULL,
    member text NOT NULL,
    life date,
    sign date,
    dues text,
    reached date,                               -- a contact (or life) that stops the contact clock of an open case
    case_id uuid,                               -- that case, and the history row that says so
    seq int,
    PRIMARY KEY (event_id, position)
);
COMMENT ON TABLE member_sign IS 'what each life, dues or contact event says of a member, so that it can be taken back';
CREATE INDEX member_sign_member ON member_sign (member);
CREATE INDEX identification_undo_proposed ON identification (decided_at) WHERE proposal IS NOT NULL AND decision = 'match';
GRANT SELECT, UPDATE (case_id, seq) ON member_sign TO guidui_worker;

CREATE OR REPLACE FUNCTION member_signs(signs json) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO member_sign (event_id, position, member, life, sign, dues, reached)
    SELECT event, position, member, life, sign, dues, reached
    FROM json_to_recordset(signs) x(event uuid, position int, member text, life date, sign date, dues text, reached date)
    WHERE event IS NOT NULL
    ON CONFLICT (event_id, position) DO UPDATE SET member = excluded.member, life = excluded.life, sign = excluded.sign,
        dues = excluded.dues, reached = excluded.reached, case_id = NULL, seq = NULL;
    UPDATE member m SET last_life_on = greatest(m.last_life_on, s.life), last_sign_on = greatest(m.last_sign_on, s.sign),
        dues_paid_to = greatest(m.dues_paid_to, s.dues), wake_at = '-infinity'
    FROM (SELECT member, max(life) AS life, max(sign) AS sign, max(dues) AS dues
          FROM json_to_recordset(signs) x(member text, life date, sign date, dues text) GROUP BY member) s
    WHERE m.member = s.member
$$;
-- The member's row is locked before the signs that are left are counted: one that is written meanwhile waits or is seen.
CREATE FUNCTION member_unsigned(p_event uuid, p_position int)
RETURNS TABLE (member text, reached date, case_id uuid, seq int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_members text[];
BEGIN
    v_members := ARRAY(SELECT s.member FROM member_sign s
                       WHERE s.event_id = p_event AND s.position = coalesce(p_position, s.position));
    PERFORM FROM member m WHERE m.member = ANY (v_members) ORDER BY m.member FOR UPDATE;
    RETURN QUERY DELETE FROM member_sign s WHERE s.event_id = p_event AND s.position = coalesce(p_position, s.position)
        RETURNING s.member, s.reached, s.case_id, s.seq;
    UPDATE member m SET wake_at = '-infinity', last_sign_on = l.sign,
        last_life_on = greatest(m.register_life_on, l.life), dues_paid_to = greatest(m.register_dues_to, l.dues)
    FROM (SELECT w.member, max(s.life) AS life, max(s.sign) AS sign, max(s.dues) AS dues
          FROM unnest(v_members) w (member) LEFT JOIN member_sign s ON s.member = w.member GROUP BY w.member) l
    WHERE m.member = l.member;
END $$;
REVOKE ALL ON FUNCTION member_unsigned(uuid, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION member_unsigned(uuid, int) TO guidui_worker;
"""

FORGETS = r"""
CREATE FUNCTION unsaid(said text, words text[], in_json boolean) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = public, pg_temp AS $$
DECLARE
    w text;
BEGIN
    FOREACH w IN ARRAY words LOOP
        IF in_json THEN
            w := to_jsonb(w)::text;
            w := substr(w, 2, length(w) - 2);
        END IF;
        -- a name in letters may be part of another word, or of a key
        said := CASE WHEN w ~ '^[A-Za-z ]+$' THEN regexp_replace(said, '\m' || w || '\M(?!":)', '○○', 'g')
                     ELSE replace(said, w, '○○') END;
    END LOOP;
    RETURN said;
END $$;
DROP FUNCTION IF EXISTS case_forgets(uuid, boolean);
-- What a wrong match brought into a case leaves its history: the columns `p_keys`, in the rows `p_seqs` (null: in all),
-- and what was posted of the stranger (`p_words`) wherever somebody wrote it. Who did what when stays, and the last row
-- says how the columns stand now. `p_whole`: the case is no longer the member's at all.
CREATE FUNCTION case_forgets(p_case uuid, p_keys text[], p_seqs int[], p_words text[], p_whole boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_now jsonb;
BEGIN
    IF p_whole THEN
        UPDATE transfer_case SET member = NULL, facts = '{}', reports = '[]', asks = '[]', area = NULL, obstacle = NULL,
            permit_no = NULL, host = NULL, parent = NULL, position = NULL WHERE id = p_case;
    ELSE
        UPDATE transfer_case SET asks = unsaid(asks::text, p_words, true)::jsonb WHERE id = p_case;
    END IF;
    SELECT to_jsonb(c) INTO v_now FROM transfer_case c WHERE c.id = p_case;
    UPDATE case_event e SET
        detail = CASE WHEN NOT p_whole THEN unsaid(e.detail::text, p_words, true)::jsonb END,
        reason = CASE WHEN e.command = 'undo_match' THEN e.reason
                      WHEN p_whole OR e.command IN ('match', 'state_facts') AND e.reason IS DISTINCT FROM v_now ->> 'rule'
                          THEN NULL
                      ELSE unsaid(e.reason, p_words, false) END,
        change = unsaid((e.change - p_keys)::text, p_words, true)::jsonb
    WHERE e.case_id = p_case AND (p_seqs IS NULL OR e.seq = ANY (p_seqs));
    UPDATE case_event e SET change = e.change || (SELECT jsonb_object_agg(k, v_now -> k) FROM unnest(p_keys) k)
    WHERE e.case_id = p_case AND e.seq = (v_now ->> 'seq')::int;
END $$;
REVOKE ALL ON FUNCTION unsaid(text, text[], boolean), case_forgets(uuid, text[], int[], text[], boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION case_forgets(uuid, text[], int[], text[], boolean) TO guidui_worker;
INSERT INTO transition SELECT state, 'undo_match', state, false
    FROM unnest(ARRAY['moved', 'struck_off', 'closed_without_move']) AS state ON CONFLICT DO NOTHING;
"""


REGISTRATIONS = """
-- 双报到 by a case that was another's: the registration, its posts and hours are theirs, or nobody's where they are not known
CREATE FUNCTION registration_of_another(p_case uuid, p_right text, p_at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_reports uuid[] := ARRAY(SELECT d.id FROM double_report d WHERE d.case_id = p_case);
BEGIN
    IF p_right IS NULL THEN
        DELETE FROM service_card WHERE report = ANY (v_reports);
        DELETE FROM community_service WHERE report = ANY (v_reports);
        DELETE FROM post_claim WHERE report = ANY (v_reports);
        DELETE FROM double_report WHERE id = ANY (v_reports);
    ELSE
        UPDATE double_report d SET member = m.member, name = m.name, unit = m.organisation, case_id = NULL,
            ended_at = CASE WHEN d.ended_at IS NULL AND EXISTS (
                SELECT FROM double_report o WHERE o.member = p_right AND o.organisation = d.organisation
                AND o.ended_at IS NULL) THEN p_at ELSE d.ended_at END
        FROM member m WHERE m.member = p_right AND d.id = ANY (v_reports);
    END IF;
END $$;
REVOKE ALL ON FUNCTION registration_of_another(uuid, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION registration_of_another(uuid, text, timestamptz) TO guidui_worker;
"""


def upgrade() -> None:
    op.execute(SIGNS)
    op.execute(row_security({"member_sign": None}))
    op.execute(FORGETS)
    op.execute(REGISTRATIONS)


def downgrade() -> None:
    op.execute("""
        DELETE FROM transition WHERE command = 'undo_match'
            AND from_state IN ('moved', 'struck_off', 'closed_without_move');
        DROP FUNCTION case_forgets(uuid, text[], int[], text[], boolean), unsaid(text, text[], boolean),
            member_unsigned(uuid, int), registration_of_another(uuid, text, timestamptz);
        CREATE OR REPLACE FUNCTION member_signs(signs json) RETURNS void
        LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
            UPDATE member m SET last_life_on = greatest(m.last_life_on, s.life),
                last_sign_on = greatest(m.last_sign_on, s.sign), dues_paid_to = greatest(m.dues_paid_to, s.dues),
                wake_at = '-infinity'
            FROM (SELECT member, max(life) AS life, max(sign) AS sign, max(dues) AS dues
                  FROM json_to_recordset(signs) x(member text, life date, sign date, dues text) GROUP BY member) s
            WHERE m.member = s.member
        $$;
        DROP INDEX identification_undo_proposed;
        DROP TABLE member_sign;
        ALTER TABLE member DROP COLUMN register_life_on, DROP COLUMN register_dues_to;
    """)
