-- The security log is never emptied at once.
CREATE OR REPLACE FUNCTION security_log_is_kept()
RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'the security log is added to, never altered'
        USING ERRCODE = 'insufficient_privilege';
END $$;
REVOKE ALL ON FUNCTION security_log_is_kept() FROM PUBLIC;
