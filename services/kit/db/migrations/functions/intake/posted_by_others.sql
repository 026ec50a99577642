-- Those of the ids that an event of another organisation has, and none of this one.
CREATE OR REPLACE FUNCTION posted_by_others(p_organisation text, p_ids text[])
RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT i FROM unnest(p_ids) i
    WHERE EXISTS (SELECT FROM posted_event e WHERE e.ext_id = i
        AND e.organisation <> p_organisation)
      AND NOT EXISTS (SELECT FROM posted_event e WHERE e.ext_id = i
          AND e.organisation = p_organisation)
$$;
REVOKE ALL ON FUNCTION posted_by_others(text, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION posted_by_others(text, text[]) TO guidui_web, guidui_worker;
