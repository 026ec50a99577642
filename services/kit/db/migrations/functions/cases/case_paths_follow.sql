-- Cases follow a part of the tree that is put under another organisation; gives the ids of those
-- that did.
CREATE OR REPLACE FUNCTION case_paths_follow(old_prefix text, new_prefix text)
RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE transfer_case c SET
        origin_path = CASE WHEN starts_with(origin_path, old_prefix)
            THEN new_prefix || substr(origin_path, length(old_prefix) + 1) ELSE origin_path END,
        destination_path = CASE WHEN starts_with(destination_path, old_prefix)
            THEN new_prefix || substr(destination_path, length(old_prefix) + 1)
                ELSE destination_path END
    WHERE starts_with(origin_path, old_prefix) OR starts_with(destination_path, old_prefix)
        RETURNING id
$$;
REVOKE ALL ON FUNCTION case_paths_follow(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION case_paths_follow(text, text) TO guidui_worker;
