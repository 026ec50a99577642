-- A task that is opened again stands at the newest place in the order in which alerts are read.
CREATE OR REPLACE FUNCTION task_opened_again()
RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    NEW.xid := pg_current_xact_id();
    RETURN NEW;
END $$;
