CREATE TRIGGER dead_letter_belongs BEFORE INSERT ON dead_letter
    FOR EACH ROW
    EXECUTE FUNCTION dead_letter_belongs();
CREATE TRIGGER organisations_changed AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON organisation
    FOR EACH STATEMENT
    EXECUTE FUNCTION organisations_changed();
CREATE TRIGGER name_recounted AFTER UPDATE OF name ON member
    FOR EACH ROW WHEN (OLD.name IS DISTINCT FROM NEW.name)
    EXECUTE FUNCTION name_recounted();
CREATE TRIGGER names_counted AFTER INSERT ON member REFERENCING NEW TABLE AS new_member
    FOR EACH STATEMENT
    EXECUTE FUNCTION names_counted();
CREATE TRIGGER security_log_is_kept BEFORE TRUNCATE ON security_log
    FOR EACH STATEMENT
    EXECUTE FUNCTION security_log_is_kept();
CREATE TRIGGER security_log_stands BEFORE DELETE OR UPDATE ON security_log
    FOR EACH ROW
    EXECUTE FUNCTION security_log_stands();
CREATE TRIGGER case_event_moves AFTER INSERT ON case_event REFERENCING NEW TABLE AS new_event
    FOR EACH STATEMENT
    EXECUTE FUNCTION case_event_moves();
CREATE TRIGGER task_opened_again BEFORE UPDATE ON task
    FOR EACH ROW WHEN (OLD.closed_at IS NOT NULL AND NEW.closed_at IS NULL)
    EXECUTE FUNCTION task_opened_again();
CREATE TRIGGER confirmed_address_changes BEFORE UPDATE ON confirmed_address
    FOR EACH ROW
    EXECUTE FUNCTION confirmed_address_changes();
