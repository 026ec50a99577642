-- When the clock looks at a member next; null: never, until something changes.
CREATE OR REPLACE FUNCTION member_wakes(wakes json)
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE member m SET wake_at = coalesce(s.wake_at, 'infinity')
    FROM json_to_recordset(wakes) s(member text, wake_at timestamptz) WHERE m.member = s.member
$$;
REVOKE ALL ON FUNCTION member_wakes(json) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION member_wakes(json) TO guidui_worker;
