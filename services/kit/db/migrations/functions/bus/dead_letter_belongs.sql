-- A dead letter belongs to the organisation that its message is about: that organisation's desk
-- shows it.
CREATE OR REPLACE FUNCTION dead_letter_belongs()
RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    NEW.organisation := coalesce(NEW.organisation, dead_letter_owner(NEW.topic, NEW.body));
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION dead_letter_belongs() FROM PUBLIC;
