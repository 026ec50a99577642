-- when the clock looks at a case next: the one column that moves without history, since it says
-- nothing of the case
CREATE OR REPLACE FUNCTION cases_wake(wakes json)
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE transfer_case c SET wake_at = s.wake_at
    FROM json_to_recordset(wakes) s(id uuid, wake_at timestamptz) WHERE c.id = s.id
$$;
REVOKE ALL ON FUNCTION cases_wake(json) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cases_wake(json) TO guidui_worker;
