-- Pages read; workers write what they need and no more; what history says is moved by functions
-- of the owner.
GRANT SELECT ON organisation, organisation_change, member, contact, grid, division,
    registry_version, security_log, list_look, posted_event, posted_person, transition,
    transfer_case, case_event, case_party, case_person, case_contact, statement, report, task,
    case_look, calendar_day, policy, destination_override, batch_done, batch_outcome, batch_order,
    batch_order_outcome, identification, confirmed_address, review_question, notice, notice_attempt,
    number_range, counterfoil, print_setting, receipt_photo, comparison, comparison_row, snapshot,
    host_record, branch_proposal, double_report, community_post, post_claim, community_service,
    service_card, member_look TO guidui_web;
GRANT SELECT ON member_sign, name_frequency, registry_version, lookup_count, posted_event,
    posted_person, transition, transfer_case, case_party TO guidui_worker;
GRANT SELECT, INSERT ON event_log, organisation_past, member, api_key, account, security_log,
    list_look, case_event, case_key, statement, task, case_look, policy, destination_override,
    batch_done, batch_outcome, batch_order, batch_order_outcome, identification_undone,
    number_range, counterfoil, receipt_photo, comparison, comparison_row, snapshot, host_record,
    branch_proposal, double_report, community_post, post_claim, community_service, service_card,
    member_look TO guidui_worker;
GRANT SELECT, INSERT, DELETE ON path_move, member_key, session, known_device, report,
    review_candidate TO guidui_worker;
GRANT SELECT, INSERT, UPDATE ON organisation, organisation_change, contact, grid, division,
    identification, confirmed_address, review_question, identity_model, notice, notice_attempt,
    print_setting TO guidui_worker;
GRANT SELECT, UPDATE, DELETE ON sign_in_brake TO guidui_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON cursors, inbox, dead_letter, parked, consumer_state, resend,
    loop_round, process_beat, token_key, case_person, case_contact, calendar_day, review_rule,
    reviewed_pair TO guidui_worker;

GRANT UPDATE (name, sex, ethnicity, birth_date, id_number, phone, address, status, standing,
    joined_on, last_life_on, dues_paid_to, military_card, register_life_on, register_dues_to)
    ON member TO guidui_worker;
GRANT UPDATE (case_id, seq) ON member_sign TO guidui_worker;
GRANT UPDATE (followed_to, rules) ON registry_version TO guidui_worker;
GRANT SELECT (id, organisation, path, role, created_at, revoked_at) ON api_key TO guidui_web;
GRANT UPDATE (revoked_at) ON api_key TO guidui_worker;
GRANT SELECT (id, organisation, path, name, role, must_change, created_at, changed_at, ended_at,
    signed_in_at) ON account TO guidui_web;
GRANT UPDATE (password_hash, must_change, changed_at, ended_at, signed_in_at)
    ON account TO guidui_worker;
GRANT UPDATE (token_hash, seen_at) ON known_device TO guidui_worker;
GRANT UPDATE (body) ON posted_person TO guidui_worker;
GRANT UPDATE (case_id, withdrawn) ON statement TO guidui_worker;
GRANT UPDATE (case_id, phone, address, taken_over_at, withdrawn_at) ON report TO guidui_worker;
GRANT UPDATE (act, due_on, closed_at, persons) ON task TO guidui_worker;
GRANT UPDATE (ended_at, ended_by) ON destination_override TO guidui_worker;
GRANT UPDATE (paused, done_at) ON batch_order TO guidui_worker;
GRANT UPDATE (denied_by, denied_at) ON review_candidate TO guidui_worker;
GRANT UPDATE (range, "position", status, case_id, token, issued_at, void_reason, voided_at,
    voided_by) ON counterfoil TO guidui_worker;
GRANT UPDATE (seq) ON receipt_photo TO guidui_worker;
GRANT UPDATE (erase_at) ON comparison TO guidui_worker;
GRANT UPDATE (person, candidates, faults, event_id, done_at, done_by)
    ON comparison_row TO guidui_worker;
GRANT UPDATE (ended_at) ON double_report TO guidui_worker;
GRANT UPDATE (closed_at) ON community_post TO guidui_worker;
GRANT UPDATE (ended_at) ON post_claim TO guidui_worker;
GRANT UPDATE (seen_at, seen_by) ON service_card TO guidui_worker;
