-- The context of whoever shows a proof: its tree where `p_tree` or the role says so, else itself
-- alone.
CREATE OR REPLACE FUNCTION context_of_proof(p_proof text, p_tree boolean)
RETURNS TABLE(lo text, hi text, own text, seal text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_caller record;
BEGIN
    SELECT c.organisation, c.path, c.role INTO v_caller FROM caller_of_proof(p_proof) c;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    lo := v_caller.path;
    hi := CASE WHEN p_tree OR v_caller.role IN ('department', 'admin') THEN left(v_caller.path,
        -1) || '/'
               ELSE v_caller.path || chr(1) END;
    own := v_caller.organisation;
    seal := context_seal(lo, hi, own);
    RETURN NEXT;
END $$;
REVOKE ALL ON FUNCTION context_of_proof(text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION context_of_proof(text, boolean) TO guidui_web, guidui_worker;
