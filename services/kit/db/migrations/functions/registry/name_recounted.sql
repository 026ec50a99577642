-- Keeps the count of bearers of a name when a member's name changes.
CREATE OR REPLACE FUNCTION name_recounted()
RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE name_frequency SET bearers = bearers - 1 WHERE name = OLD.name;
    INSERT INTO name_frequency AS f VALUES (NEW.name, 1)
    ON CONFLICT (name) DO UPDATE SET bearers = f.bearers + 1;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION name_recounted() FROM PUBLIC;
