-- Deletes rows of the security log from before a moment, and none of the last 180 days whatever
-- the moment is; gives how many.
CREATE OR REPLACE FUNCTION security_log_forgets(p_before timestamptz)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_rows bigint;
BEGIN
    DELETE FROM security_log l WHERE l.at < p_before
        AND l.at < (SELECT max(m.at) FROM security_log m) - interval '180 days';
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    RETURN v_rows;
END $$;
REVOKE ALL ON FUNCTION security_log_forgets(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION security_log_forgets(timestamptz) TO guidui_worker;
