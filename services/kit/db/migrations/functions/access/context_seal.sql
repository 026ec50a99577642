-- HMAC with its two keys drawn instead of derived (NMAC). The moment the transaction began and
-- the server process name the transaction: no day is taken from it, and a seal that was copied
-- elsewhere is worth nothing.
CREATE OR REPLACE FUNCTION context_seal(p_lo text, p_hi text, p_own text)
RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_seal text;
BEGIN
    SELECT encode(sha256(s.outer_key || sha256(s.inner_key || convert_to(ARRAY[p_lo, p_hi, p_own,
               pg_backend_pid()::text, extract(epoch FROM transaction_timestamp())::text]::text,
                   'UTF8'))), 'hex')
    INTO STRICT v_seal FROM context_secret s;
    RETURN v_seal;
END $$;
REVOKE ALL ON FUNCTION context_seal(text, text, text) FROM PUBLIC;
