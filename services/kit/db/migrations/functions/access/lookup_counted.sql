-- counts a look-up, unless that would be more than allowed; says whether it was counted
CREATE OR REPLACE FUNCTION lookup_counted(
    p_organisation text, p_day date, p_kind text, p_number int, p_most int
)
RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH counted AS (
        INSERT INTO lookup_count AS c SELECT p_organisation, p_day, p_kind, p_number
            WHERE p_number <= p_most
        ON CONFLICT (organisation, day, kind) DO UPDATE SET number = c.number + excluded.number
        WHERE c.number + excluded.number <= p_most
        RETURNING 1)
    SELECT EXISTS (SELECT FROM counted)
$$;
REVOKE ALL ON FUNCTION lookup_counted(text, date, text, int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lookup_counted(text, date, text, int, int) TO guidui_worker;
