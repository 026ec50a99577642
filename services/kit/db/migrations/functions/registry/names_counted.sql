-- how many members bear a name, kept with every load: the matcher asks for the names of its
-- candidates only
CREATE OR REPLACE FUNCTION names_counted()
RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO name_frequency AS f
    SELECT coalesce(name, ''), count(*) FROM new_member GROUP BY GROUPING SETS ((name),
        ()) HAVING count(*) > 0
    ORDER BY 1
    ON CONFLICT (name) DO UPDATE SET bearers = f.bearers + excluded.bearers;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION names_counted() FROM PUBLIC;
