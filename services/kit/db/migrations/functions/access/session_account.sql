-- Whose session this is, by the SHA-256 of its cookie, and notes once a minute that it is in
-- use. Nobody where it was idle for longer than `p_idle`, is older than `p_whole`, or its
-- account has ended.
CREATE OR REPLACE FUNCTION session_account(
    p_hash text, p_now timestamptz, p_idle interval, p_whole interval
)
RETURNS TABLE (
    account uuid, name text, role text, must_change boolean, organisation text, path text,
    organisation_name text
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE session s SET seen_at = p_now
    WHERE s.token_hash = p_hash AND s.seen_at < p_now - interval '1 minute'
        AND s.seen_at > p_now - p_idle;
    RETURN QUERY SELECT a.id, a.name, a.role, a.must_change, o.code, coalesce(o.path, ''),
        coalesce(o.name, '')
        FROM session s JOIN account a ON a.id = s.account LEFT JOIN organisation o
            ON o.code = a.organisation
        WHERE s.token_hash = p_hash AND s.seen_at > p_now - p_idle AND s.opened_at > p_now - p_whole
          AND a.ended_at IS NULL;
END $$;
REVOKE ALL ON FUNCTION session_account(text, timestamptz, interval, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION session_account(text, timestamptz, interval, interval) TO guidui_web;
