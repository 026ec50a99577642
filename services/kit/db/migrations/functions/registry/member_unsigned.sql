-- The member's row is locked before the signs that are left are counted: one that is written
-- meanwhile waits or is seen.
CREATE OR REPLACE FUNCTION member_unsigned(p_event uuid, p_position int)
RETURNS TABLE(member text, reached date, case_id uuid, seq int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_members text[];
BEGIN
    v_members := ARRAY(SELECT s.member FROM member_sign s
                       WHERE s.event_id = p_event AND s.position = coalesce(p_position,
                           s.position));
    PERFORM FROM member m WHERE m.member = ANY (v_members) ORDER BY m.member FOR UPDATE;
    RETURN QUERY DELETE FROM member_sign s WHERE s.event_id = p_event
        AND s.position = coalesce(p_position, s.position)
        RETURNING s.member, s.reached, s.case_id, s.seq;
    UPDATE member m SET wake_at = '-infinity', last_sign_on = l.sign,
        last_life_on = greatest(m.register_life_on, l.life),
            dues_paid_to = greatest(m.register_dues_to, l.dues)
    FROM (SELECT w.member, max(s.life) AS life, max(s.sign) AS sign, max(s.dues) AS dues
          FROM unnest(v_members) w (member) LEFT JOIN member_sign s
              ON s.member = w.member GROUP BY w.member) l
    WHERE m.member = l.member;
END $$;
REVOKE ALL ON FUNCTION member_unsigned(uuid, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION member_unsigned(uuid, int) TO guidui_worker;
