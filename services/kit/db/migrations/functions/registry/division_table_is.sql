-- the marks belong to the register's triggers; this one says which compiled table is in force
CREATE OR REPLACE FUNCTION division_table_is(edition uuid)
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO registry_version (part, mark) VALUES ('division', edition)
    ON CONFLICT (part) DO UPDATE SET mark = excluded.mark
$$;
REVOKE ALL ON FUNCTION division_table_is(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION division_table_is(uuid) TO guidui_worker;
