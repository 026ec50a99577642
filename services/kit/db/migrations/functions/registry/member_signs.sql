-- a person's own clock and signs of organisational life; the affiliation is out of reach here
CREATE OR REPLACE FUNCTION member_signs(signs json)
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO member_sign (event_id, position, member, life, sign, dues, reached)
    SELECT event, position, member, life, sign, dues, reached
    FROM json_to_recordset(signs) x(event uuid, position int, member text, life date, sign date,
        dues text, reached date)
    WHERE event IS NOT NULL
    ON CONFLICT (event_id, position) DO UPDATE SET member = excluded.member, life = excluded.life,
        sign = excluded.sign,
        dues = excluded.dues, reached = excluded.reached, case_id = NULL, seq = NULL;
    UPDATE member m SET last_life_on = greatest(m.last_life_on, s.life),
        last_sign_on = greatest(m.last_sign_on, s.sign),
        dues_paid_to = greatest(m.dues_paid_to, s.dues), wake_at = '-infinity'
    FROM (SELECT member, max(life) AS life, max(sign) AS sign, max(dues) AS dues
          FROM json_to_recordset(signs) x(member text, life date, sign date,
              dues text) GROUP BY member) s
    WHERE m.member = s.member
$$;
REVOKE ALL ON FUNCTION member_signs(json) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION member_signs(json) TO guidui_worker;
