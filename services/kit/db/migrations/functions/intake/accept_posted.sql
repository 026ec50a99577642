-- Events in the name of whoever shows the proof. A login that may become guidui_worker has
-- looked for itself.
CREATE OR REPLACE FUNCTION accept_posted(
    p_proof text, p_organisation text, p_key uuid, p_at timestamptz, p_events json, p_persons
    json
)
RETURNS TABLE("position" int, status text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT pg_has_role(session_user, 'guidui_worker', 'MEMBER') AND (
        NOT EXISTS (SELECT FROM caller_of_proof(p_proof) c
                    WHERE c.organisation = p_organisation AND c.key_id IS NOT DISTINCT FROM p_key)
        OR EXISTS (SELECT FROM json_to_recordset(p_events) e(source text)
                   WHERE e.source IS DISTINCT FROM 'urn:guidui:organisation:' || p_organisation))
    THEN
        RAISE EXCEPTION 'not in the name of the key'
            USING ERRCODE = 'invalid_authorization_specification';
    END IF;
    RETURN QUERY SELECT a."position", a.status
        FROM accept_events(p_organisation, p_key, p_at, p_events, p_persons) a;
END $$;
REVOKE ALL ON FUNCTION accept_posted(text, text, uuid, timestamptz, json, json) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accept_posted(text, text, uuid, timestamptz, json, json) TO guidui_web,
    guidui_worker;
