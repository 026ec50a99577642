-- Any context, for logins that may see everything as guidui_worker and narrow themselves.
CREATE OR REPLACE FUNCTION context_of_bounds(p_lo text, p_hi text, p_own text)
RETURNS TABLE(lo text, hi text, own text, seal text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT pg_has_role(session_user, 'guidui_worker', 'MEMBER') THEN
        RAISE EXCEPTION 'this login looks by a key or a session'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    lo := p_lo;
    hi := p_hi;
    own := p_own;
    seal := context_seal(lo, hi, own);
    RETURN NEXT;
END $$;
REVOKE ALL ON FUNCTION context_of_bounds(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION context_of_bounds(text, text, text) TO guidui_web, guidui_worker;
