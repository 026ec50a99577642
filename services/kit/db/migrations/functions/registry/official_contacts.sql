-- Contacts of organisations named one by one, also at the other end of a case: for whoever has a
-- key or a session.
CREATE OR REPLACE FUNCTION official_contacts(codes text[], day date)
RETURNS SETOF contact
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM contact
    WHERE organisation = ANY (codes) AND coalesce("from", day) <= day AND coalesce(until,
        day) >= day
      AND ((SELECT context_sealed())
           OR current_setting('role') <> 'guidui_web' AND pg_has_role(session_user, 'guidui_worker',
               'MEMBER'))
$$;
REVOKE ALL ON FUNCTION official_contacts(text[], date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION official_contacts(text[], date) TO guidui_web, guidui_worker;
