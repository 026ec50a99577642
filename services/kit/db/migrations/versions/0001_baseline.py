"""The schema as a new database begins: tables, the functions that are the law, who sees which row.

Each part stands in a file of SQL beside the revisions (`baseline/`), each function in a file of
its own (`functions/`), which `services.kit.db.migrations.migrate` sets anew whenever one changed.
"""

from __future__ import annotations

from alembic import op

from services.kit.db.migrations import files
from services.kit.db.migrations.row_security import BELOW, RANGE, row_security

revision = "0001_baseline"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "registry",
    "access",
    "intake",
    "cases",
    "matcher",
    "notices",
    "letters",
    "records",
    "bus",
)

OF_A_CASE = "EXISTS (SELECT FROM transfer_case c WHERE c.id = case_id)"
OF_A_BATCH = "EXISTS (SELECT FROM transfer_case c WHERE c.id = {0}.parent)"
OF_A_DOUBLE_REPORT = "EXISTS (SELECT FROM double_report d WHERE d.id = report)"
# one range for each indexed column, and an uncorrelated array: this form neither leaks nor crawls
ORIGIN_DESTINATION_OR_PART = (
    f"({RANGE.format('origin_path')}) OR ({RANGE.format('destination_path')}) OR id = ANY (ARRAY("
    f"SELECT p.case_id FROM case_party p WHERE {RANGE.format('p.path')}))"
)
NOBODY = None

WHO_SEES = {
    # what belongs to an organisation is seen by it and by those above it
    "organisation": BELOW,
    "organisation_change": BELOW,
    "member": BELOW,
    "contact": BELOW,
    "grid": BELOW,
    "api_key": BELOW,
    "account": BELOW,
    "security_log": BELOW,
    "list_look": BELOW,
    "posted_event": BELOW,
    "posted_person": BELOW,
    "report": BELOW,
    "task": BELOW,
    "destination_override": BELOW,
    "batch_order": BELOW,
    "identification": BELOW,
    "confirmed_address": BELOW,
    "review_question": BELOW,
    "notice": BELOW,
    "notice_attempt": BELOW,
    "number_range": BELOW,
    "counterfoil": BELOW,
    "print_setting": BELOW,
    "comparison": BELOW,
    "comparison_row": BELOW,
    "snapshot": BELOW,
    "branch_proposal": BELOW,
    "community_post": BELOW,
    "member_look": BELOW,
    # a case is seen from both its ends, and what belongs to it with it
    "transfer_case": ORIGIN_DESTINATION_OR_PART,
    "case_party": BELOW,
    "case_event": OF_A_CASE,
    "case_person": OF_A_CASE,
    "case_contact": OF_A_CASE,
    "case_look": OF_A_CASE,
    "statement": OF_A_CASE,
    "receipt_photo": OF_A_CASE,
    "host_record": OF_A_CASE,
    "batch_done": OF_A_BATCH.format("batch_done"),
    "batch_outcome": OF_A_BATCH.format("batch_outcome"),
    "batch_order_outcome": "EXISTS (SELECT FROM batch_order o WHERE o.id = batch_order)",
    # a registration in a community is seen there, and by the unit that the member belongs to
    "double_report": (
        f"({BELOW}) OR EXISTS (SELECT FROM organisation o WHERE o.code = double_report.unit)"
    ),
    "post_claim": OF_A_DOUBLE_REPORT,
    "community_service": OF_A_DOUBLE_REPORT,
    "service_card": OF_A_DOUBLE_REPORT,
    # policy is nobody's secret, for whoever is somebody
    "policy": "nullif(current_setting('guidui.lo', true), '') IS NOT NULL",
    # pages have no business there
    "path_move": NOBODY,
    "organisation_past": NOBODY,
    "member_key": NOBODY,
    "token_key": NOBODY,
    "member_sign": NOBODY,
    "name_frequency": NOBODY,
    "session": NOBODY,
    "sign_in_brake": NOBODY,
    "known_device": NOBODY,
    "lookup_count": NOBODY,
    "case_key": NOBODY,
    "identification_undone": NOBODY,
    "review_candidate": NOBODY,
    "review_rule": NOBODY,
    "reviewed_pair": NOBODY,
    "identity_model": NOBODY,
}

# the keys of the seal: not even workers read them
OWNER_ALONE = """
ALTER TABLE context_secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE context_secret FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON context_secret TO CURRENT_USER USING (true) WITH CHECK (true);
"""


def upgrade() -> None:
    op.execute(files.baseline("roles"))
    for room in TABLES:
        op.execute(files.baseline(room))
    op.execute("SET LOCAL check_function_bodies = off")  # functions name one another
    for function in files.functions():
        op.execute(function)
    op.execute(files.baseline("triggers"))
    op.execute(files.baseline("grants"))
    op.execute(row_security(WHO_SEES))
    op.execute(OWNER_ALONE)
    op.execute(files.baseline("rows"))
    op.execute(files.baseline("moves"))


def downgrade() -> None:
    raise NotImplementedError("before the baseline there is nothing")
