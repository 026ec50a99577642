-- Marks a confirmed address with the transaction that changed it, so that those who keep them in
-- memory read what is new.
CREATE OR REPLACE FUNCTION confirmed_address_changes()
RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    NEW.changed := pg_current_xact_id();
    RETURN NEW;
END $$;
