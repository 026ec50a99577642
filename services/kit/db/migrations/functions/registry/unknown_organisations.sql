-- Those of the codes that no organisation has.
CREATE OR REPLACE FUNCTION unknown_organisations(p_codes text[])
RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c FROM unnest(p_codes) c WHERE NOT EXISTS (SELECT FROM organisation o WHERE o.code = c)
$$;
REVOKE ALL ON FUNCTION unknown_organisations(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION unknown_organisations(text[]) TO guidui_web, guidui_worker;
