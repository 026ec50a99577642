-- The directory of organisations (no persons in it) is for everybody: whoever sends must find
-- whom to send to.
CREATE OR REPLACE FUNCTION organisation_directory()
RETURNS SETOF organisation
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM organisation
$$;
REVOKE ALL ON FUNCTION organisation_directory() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION organisation_directory() TO guidui_web, guidui_worker;
