-- What every login acts as: guidui_web reads what its caller may see, guidui_worker does the work.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['guidui_web', 'guidui_worker'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- roles belong to the server, and another database of it has made them
        END;
    END LOOP;
END $$;
GRANT USAGE ON SCHEMA public TO guidui_web, guidui_worker;
