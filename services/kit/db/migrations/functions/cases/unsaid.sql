-- A text without certain words, each replaced by ○○; `in_json`: the text is JSON and the words
-- stand in it as JSON writes them.
CREATE OR REPLACE FUNCTION unsaid(said text, words text[], in_json boolean)
RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = public, pg_temp AS $$
DECLARE
    w text;
BEGIN
    FOREACH w IN ARRAY words LOOP
        IF in_json THEN
            w := to_jsonb(w)::text;
            w := substr(w, 2, length(w) - 2);
        END IF;
        -- a name in letters may be part of another word, or of a key
        said := CASE WHEN w ~ '^[A-Za-z ]+$' THEN regexp_replace(said, '\m' || w || '\M(?!":)',
            '○○', 'g')
                     ELSE replace(said, w, '○○') END;
    END LOOP;
    RETURN said;
END $$;
REVOKE ALL ON FUNCTION unsaid(text, text[], boolean) FROM PUBLIC;
