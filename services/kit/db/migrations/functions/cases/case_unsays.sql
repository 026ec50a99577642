-- Takes back what a posted event stated of a case: the statement of one person of it.
CREATE OR REPLACE FUNCTION case_unsays(p_case uuid, p_event uuid, p_position int)
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DELETE FROM statement WHERE case_id = p_case AND event = p_event
        AND position = p_position
$$;
REVOKE ALL ON FUNCTION case_unsays(uuid, uuid, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION case_unsays(uuid, uuid, int) TO guidui_worker;
