-- The organisation that a message is about: who posted it, else whom its body names; null where
-- it names none that there is.
CREATE OR REPLACE FUNCTION dead_letter_owner(p_topic text, p_body json)
RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT o.code FROM organisation o WHERE o.code = CASE
        WHEN p_body IS NULL OR json_typeof(p_body) <> 'object' THEN NULL
        WHEN p_topic = 'departures'
            AND p_body ->> 'event' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
            THEN (SELECT e.organisation FROM posted_event e WHERE e.id = (p_body ->> 'event')::uuid)
        ELSE coalesce(p_body ->> 'organisation', p_body ->> 'origin', p_body ->> 'owner') END
$$;
REVOKE ALL ON FUNCTION dead_letter_owner(text, json) FROM PUBLIC;
