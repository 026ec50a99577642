-- One more try for each subject, or none for any: the seconds to wait, 0 where the password may
-- be looked at. From the `free`th try on the next one waits `first` seconds, and longer each
-- time: times `factor`, plus `step`, at most `most`. Whoever waits is not counted, so a wait
-- always ends. Rows are locked in one order, before they are read.
CREATE OR REPLACE FUNCTION sign_in_turn(p_brakes json, p_now timestamptz, p_window interval)
RETURNS double precision
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_next timestamptz;
BEGIN
    INSERT INTO sign_in_brake (subject, tries, last_at, next_at)
        SELECT g.subject, 0, p_now, '-infinity'
            FROM json_to_recordset(p_brakes) g(subject text) ORDER BY g.subject
        ON CONFLICT (subject) DO NOTHING;
    PERFORM FROM sign_in_brake b WHERE b.subject IN (SELECT g.subject
        FROM json_to_recordset(p_brakes) g(subject text))
        ORDER BY b.subject FOR UPDATE;
    SELECT max(b.next_at) INTO v_next FROM sign_in_brake b
        WHERE b.subject IN (SELECT g.subject FROM json_to_recordset(p_brakes) g(subject text));
    IF v_next > p_now THEN
        RETURN extract(epoch FROM v_next - p_now);
    END IF;
    UPDATE sign_in_brake b SET tries = t.tries, last_at = p_now,
        next_at = CASE WHEN t.tries < t.free THEN '-infinity'::timestamptz
            ELSE p_now + make_interval(secs => least(t.most,
                t.first * power(t.factor, least(t.tries - t.free,
                    40)) + t.step * (t.tries - t.free))) END
    FROM (SELECT g.*, CASE WHEN k.last_at < p_now - p_window THEN 1 ELSE k.tries + 1 END AS tries
          FROM json_to_recordset(p_brakes) g(subject text, free int, first double precision,
              factor double precision,
                                             step double precision, most double precision)
          JOIN sign_in_brake k ON k.subject = g.subject) t
    WHERE b.subject = t.subject;
    RETURN 0;
END $$;
REVOKE ALL ON FUNCTION sign_in_turn(json, timestamptz, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sign_in_turn(json, timestamptz, interval) TO guidui_worker;
