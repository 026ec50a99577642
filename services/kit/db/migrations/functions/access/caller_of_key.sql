-- Whose key this is, by the SHA-256 of the key; nobody where it was revoked or its organisation
-- is gone. An operator's key belongs to no organisation.
CREATE OR REPLACE FUNCTION caller_of_key(p_hash text)
RETURNS TABLE(key_id uuid, organisation text, path text, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT k.id, k.organisation, coalesce(o.path, ''), k.role
    FROM api_key k LEFT JOIN organisation o ON o.code = k.organisation
    WHERE k.hash = p_hash AND k.revoked_at IS NULL AND (o.code IS NOT NULL OR k.role = 'operator')
$$;
REVOKE ALL ON FUNCTION caller_of_key(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION caller_of_key(text) TO guidui_web, guidui_worker;
