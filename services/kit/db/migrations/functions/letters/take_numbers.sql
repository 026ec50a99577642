-- Gives letters their numbers from the ranges of their organisations, in order, each number once;
-- a case whose organisation has no number left gets its fallback.
CREATE OR REPLACE FUNCTION take_numbers(wanted json, p_at timestamptz)
RETURNS TABLE(case_id uuid, number text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    w record;
    v_number text;
BEGIN
    FOR w IN SELECT * FROM json_to_recordset(wanted)
             x(organisation text, path text, "case" uuid, fallback text, token text) LOOP
        UPDATE counterfoil f SET status = 'issued', case_id = w."case", token = w.token,
            issued_at = p_at
        WHERE (f.organisation, f.number) = (
            SELECT n.organisation, n.number FROM counterfoil n
            WHERE n.organisation = w.organisation AND n.status = 'free'
            ORDER BY n.range, n.position LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING f.number INTO v_number;
        IF NOT FOUND THEN
            v_number := w.fallback;
            INSERT INTO counterfoil (organisation, path, number, status, case_id, token, issued_at)
            VALUES (w.organisation, w.path, v_number, 'issued', w."case", w.token, p_at);
        END IF;
        case_id := w."case";
        number := v_number;
        RETURN NEXT;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION take_numbers(json, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_numbers(json, timestamptz) TO guidui_worker;
