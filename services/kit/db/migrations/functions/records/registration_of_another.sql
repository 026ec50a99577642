-- 双报到 by a case that was another's: the registration, its posts and hours are theirs, or
-- nobody's where they are not known
CREATE OR REPLACE FUNCTION registration_of_another(p_case uuid, p_right text, p_at timestamptz)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_reports uuid[] := ARRAY(SELECT d.id FROM double_report d WHERE d.case_id = p_case);
BEGIN
    IF p_right IS NULL THEN
        DELETE FROM service_card WHERE report = ANY (v_reports);
        DELETE FROM community_service WHERE report = ANY (v_reports);
        DELETE FROM post_claim WHERE report = ANY (v_reports);
        DELETE FROM double_report WHERE id = ANY (v_reports);
    ELSE
        UPDATE double_report d SET member = m.member, name = m.name, unit = m.organisation,
            case_id = NULL,
            ended_at = CASE WHEN d.ended_at IS NULL AND EXISTS (
                SELECT FROM double_report o WHERE o.member = p_right
                    AND o.organisation = d.organisation
                AND o.ended_at IS NULL) THEN p_at ELSE d.ended_at END
        FROM member m WHERE m.member = p_right AND d.id = ANY (v_reports);
    END IF;
END $$;
REVOKE ALL ON FUNCTION registration_of_another(uuid, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION registration_of_another(uuid, text, timestamptz) TO guidui_worker;
