-- Marks that the tree has changed, so that those who keep it in memory read it again.
CREATE OR REPLACE FUNCTION organisations_changed()
RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE registry_version SET mark = gen_random_uuid() WHERE part = 'organisation';
    RETURN NULL;
END $$;
