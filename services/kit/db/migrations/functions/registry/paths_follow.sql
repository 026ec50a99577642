-- After a part of the tree moved, whatever carries its old path follows: the column `path` of
-- every table under row-level security. Moves at most rows_max rows of each and says how many in
-- all; the only way to change a member's path but for an acceptance.
CREATE OR REPLACE FUNCTION paths_follow(old text, new text, rows_max int)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    follower regclass;
    moved bigint;
    total bigint := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM organisation
                   WHERE path = new AND right(old, length(code) + 1) = code || '.') THEN
        RAISE EXCEPTION 'no organisation moved from % to %', old, new;
    END IF;
    FOR follower IN
        SELECT c.oid FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relrowsecurity
          AND a.attname = 'path' AND a.atttypid = 'text'::regtype
          AND c.relname NOT IN ('organisation', 'grid')
        ORDER BY c.relname
    LOOP
        EXECUTE format('UPDATE %s SET path = $2 || substr(path, length($1) + 1) WHERE ctid = ANY (ARRAY('
                       'SELECT ctid FROM %s WHERE path ~>=~ $1 AND path ~<~ $3 LIMIT $4 FOR UPDATE))',
                       follower, follower)
            USING old, new, left(old, -1) || '/', rows_max;
        GET DIAGNOSTICS moved = ROW_COUNT;
        total := total + moved;
    END LOOP;
    RETURN total;
END $$;
REVOKE ALL ON FUNCTION paths_follow(text, text, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION paths_follow(text, text, int) TO guidui_worker;
