-- Stores posted events with their persons and puts each on the log, or says that it stands
-- already; one answer an event: accepted, or duplicate, or conflict where another content has
-- the same id.
CREATE OR REPLACE FUNCTION accept_events(
    p_organisation text, p_key uuid, p_at timestamptz, p_events json, p_persons json
)
RETURNS TABLE("position" int, status text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_path text;
    v_fresh uuid[];
BEGIN
    SELECT o.path INTO v_path FROM organisation o
    WHERE o.code = p_organisation AND (p_key IS NULL OR EXISTS (
        SELECT FROM api_key k WHERE k.id = p_key AND k.organisation = o.code
            AND k.revoked_at IS NULL));
    IF v_path IS NULL THEN
        RAISE EXCEPTION 'key revoked or organisation unknown'
            USING ERRCODE = 'invalid_authorization_specification';
    END IF;
    WITH given AS (
        SELECT * FROM json_to_recordset(p_events) e("position" int, id uuid, source text,
            ext_id text, type text, "time" timestamptz, data json, body_hmac text, persons int,
            batch text, corrects text, key text)
    ), stored AS (
        INSERT INTO posted_event (id, source, ext_id, organisation, path, type, time, received_at,
            data, body_hmac, persons, batch, corrects, key_id)
        SELECT g.id, g.source, g.ext_id, p_organisation, v_path, g.type, g."time", p_at,
            g.data, g.body_hmac, g.persons, g.batch, g.corrects, p_key
        FROM given g ORDER BY g.id
        ON CONFLICT (id) DO NOTHING RETURNING id
    ), people AS (
        INSERT INTO posted_person (event_id, position, path, body)
        SELECT p.event_id, p."position", v_path, p.body
        FROM json_to_recordset(p_persons) p(event_id uuid, "position" int, body json) JOIN stored s
            ON s.id = p.event_id
    ), logged AS (
        INSERT INTO event_log (topic, key, event_id, type, body, time, at)
        SELECT 'departures', g.key, g.id, 'guidui.event.posted.v1',
            json_build_object('event', g.id), g."time", p_at
        FROM given g JOIN stored s ON s.id = g.id ORDER BY g."position"
        ON CONFLICT (event_id) DO NOTHING
    )
    SELECT array_agg(s.id) INTO v_fresh FROM stored s;
    IF v_fresh IS NOT NULL THEN
        PERFORM pg_notify('event_log', '');
    END IF;
    RETURN QUERY
        SELECT g."position", CASE WHEN g.id = ANY (v_fresh) THEN 'accepted'
                                  WHEN g.body_hmac = p.body_hmac THEN 'duplicate'
                                  ELSE 'conflict' END
        FROM json_to_recordset(p_events) g(id uuid, body_hmac text, "position" int)
            JOIN posted_event p ON p.id = g.id;
END $$;
REVOKE ALL ON FUNCTION accept_events(text, uuid, timestamptz, json, json) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accept_events(text, uuid, timestamptz, json, json) TO guidui_worker;
