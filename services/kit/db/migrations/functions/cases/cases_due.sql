-- a new calendar moves deadlines, not cases
CREATE OR REPLACE FUNCTION cases_due(dues json)
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE transfer_case c SET wait_due = s.wait_due
    FROM json_to_recordset(dues) s(id uuid, wait_due date) WHERE c.id = s.id
$$;
REVOKE ALL ON FUNCTION cases_due(json) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cases_due(json) TO guidui_worker;
