-- What a wrong match brought into a case leaves its history: the columns `p_keys`, in the rows
-- `p_seqs` (null: in all), and what was posted of the stranger (`p_words`) wherever somebody
-- wrote it. Who did what when stays, and the last row says how the columns stand now. `p_whole`:
-- the case is no longer the member's at all.
CREATE OR REPLACE FUNCTION case_forgets(
    p_case uuid, p_keys text[], p_seqs int[], p_words text[], p_whole boolean
)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_now jsonb;
BEGIN
    IF p_whole THEN
        UPDATE transfer_case SET member = NULL, facts = '{}', reports = '[]', asks = '[]',
            area = NULL, obstacle = NULL,
            permit_no = NULL, host = NULL, parent = NULL, position = NULL WHERE id = p_case;
    ELSE
        UPDATE transfer_case SET asks = unsaid(asks::text, p_words, true)::jsonb WHERE id = p_case;
    END IF;
    SELECT to_jsonb(c) INTO v_now FROM transfer_case c WHERE c.id = p_case;
    UPDATE case_event e SET
        detail = CASE WHEN NOT p_whole THEN unsaid(e.detail::text, p_words, true)::jsonb END,
        reason = CASE WHEN e.command = 'undo_match' THEN e.reason
                      WHEN p_whole OR e.command IN ('match', 'state_facts') AND e.reason IS DISTINCT
                          FROM v_now ->> 'rule'
                          THEN NULL
                      ELSE unsaid(e.reason, p_words, false) END,
        change = unsaid((e.change - p_keys)::text, p_words, true)::jsonb
    WHERE e.case_id = p_case AND (p_seqs IS NULL OR e.seq = ANY (p_seqs));
    UPDATE case_event e SET change = e.change || (SELECT jsonb_object_agg(k, v_now -> k)
        FROM unnest(p_keys) k)
    WHERE e.case_id = p_case AND e.seq = (v_now ->> 'seq')::int;
END $$;
REVOKE ALL ON FUNCTION case_forgets(uuid, text[], int[], text[], boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION case_forgets(uuid, text[], int[], text[], boolean) TO guidui_worker;
