-- Half a year stands whoever asks; a part of the tree that moves takes its rows along, and
-- nothing else changes.
CREATE OR REPLACE FUNCTION security_log_stands()
RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - 'path' = to_jsonb(OLD) - 'path' THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' AND OLD.at < (SELECT max(l.at)
        FROM security_log l) - interval '180 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the security log is added to, never altered'
        USING ERRCODE = 'insufficient_privilege';
END $$;
REVOKE ALL ON FUNCTION security_log_stands() FROM PUBLIC;
