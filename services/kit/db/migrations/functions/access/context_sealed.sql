-- What every policy for pages asks, once per statement: (SELECT context_sealed()).
CREATE OR REPLACE FUNCTION context_sealed()
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_seal text := current_setting('guidui.seal', true);
BEGIN
    IF v_seal IS NULL OR v_seal = '' THEN
        RETURN false;
    END IF;
    RETURN v_seal = context_seal(current_setting('guidui.lo', true), current_setting('guidui.hi',
        true),
                                 current_setting('guidui.own', true));
END $$;
REVOKE ALL ON FUNCTION context_sealed() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION context_sealed() TO guidui_web, guidui_worker;
