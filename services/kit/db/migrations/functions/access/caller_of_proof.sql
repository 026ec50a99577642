-- Who holds a key or a session, by its SHA-256.
CREATE OR REPLACE FUNCTION caller_of_proof(p_proof text)
RETURNS TABLE(key_id uuid, organisation text, path text, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT k.id, k.organisation, o.path, k.role FROM api_key k JOIN organisation o
        ON o.code = k.organisation
    WHERE k.hash = p_proof AND k.revoked_at IS NULL
    UNION ALL
    SELECT NULL, a.organisation, o.path, a.role
    FROM session s JOIN account a ON a.id = s.account JOIN organisation o ON o.code = a.organisation
    WHERE s.token_hash = p_proof AND a.ended_at IS NULL
$$;
REVOKE ALL ON FUNCTION caller_of_proof(text) FROM PUBLIC;
