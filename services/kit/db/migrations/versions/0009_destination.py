"""Evidence that cases give about addresses, overrides of the decision table, divisions that are past."""

from __future__ import annotations

from alembic import op

from services.kit.db.migrations.row_security import BELOW, row_security

revision = "0009_destination"
down_revision = "0008_letters"
branch_labels = None
depends_on = None

EVIDENCE = """
ALTER TABLE confirmed_address
    ADD COLUMN case_id uuid,
    ADD COLUMN kind text NOT NULL DEFAULT 'loaded'
        CHECK (kind IN ('loaded', 'acceptance', 'ruling', 'correction', 'refusal')),
    ADD COLUMN by_organisation text,
    ADD COLUMN path text,
    ADD COLUMN withdrawn_by text,
    ADD COLUMN withdrawn_reason text,
    ADD COLUMN changed xid8 NOT NULL DEFAULT pg_current_xact_id();
COMMENT ON COLUMN confirmed_address.address IS 'road, number and compound only; no unit, no room, no name';
COMMENT ON COLUMN confirmed_address.path IS 'of the organisation that serves the place: who may withdraw it';
CREATE INDEX confirmed_address_changed ON confirmed_address (changed);
CREATE INDEX confirmed_address_case ON confirmed_address (case_id) WHERE case_id IS NOT NULL;
CREATE INDEX transfer_case_pool ON transfer_case (opened_at DESC, id DESC)
    WHERE state IN ('announced', 'triaged') AND destination IS NULL;
CREATE INDEX confirmed_address_path ON confirmed_address (path text_pattern_ops, "on");
CREATE FUNCTION confirmed_address_changes() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    NEW.changed := pg_current_xact_id();
    RETURN NEW;
END $$;
CREATE TRIGGER confirmed_address_changes BEFORE UPDATE ON confirmed_address
    FOR EACH ROW EXECUTE FUNCTION confirmed_address_changes();
GRANT SELECT ON confirmed_address TO guidui_web;
"""

OVERRIDES = """
CREATE TABLE destination_override (
    id uuid PRIMARY KEY,
    organisation text NOT NULL,                  -- the department whose rule it is
    path text NOT NULL,
    row text,                                    -- of the decision table; null: every row that proposes somebody
    area text,                                   -- division code that the new address lies in
    under text,                                  -- organisation whose tree the member leaves
    destination text NOT NULL,
    "from" date NOT NULL,
    until date,
    source text NOT NULL,
    set_at timestamptz NOT NULL,
    set_by text,
    ended_at timestamptz,
    ended_by text,
    CHECK (area IS NOT NULL OR under IS NOT NULL),
    CHECK (until >= "from")
);
CREATE INDEX destination_override_path ON destination_override (path text_pattern_ops);
GRANT SELECT ON destination_override TO guidui_web;
GRANT SELECT, INSERT ON destination_override TO guidui_worker;
GRANT UPDATE (ended_at, ended_by) ON destination_override TO guidui_worker;
"""

DIVISIONS = """
ALTER TABLE division ADD COLUMN gone_on date;
COMMENT ON COLUMN division.gone_on IS 'when a newer edition was loaded that lists its superior whole and not it';
-- the marks belong to the register's triggers; this one says which compiled table is in force
CREATE FUNCTION division_table_is(edition uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO registry_version (part, mark) VALUES ('division', edition)
    ON CONFLICT (part) DO UPDATE SET mark = excluded.mark
$$;
REVOKE ALL ON FUNCTION division_table_is(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION division_table_is(uuid) TO guidui_worker;
"""


def upgrade() -> None:
    op.execute(EVIDENCE)
    op.execute(OVERRIDES)
    op.execute(DIVISIONS)
    op.execute(row_security({"destination_override": BELOW}))
    op.execute(
        f"CREATE POLICY viewer ON confirmed_address FOR SELECT TO guidui_web USING ({BELOW})"
    )


def downgrade() -> None:
    op.execute("DROP TABLE destination_override; DROP FUNCTION division_table_is(uuid)")
    op.execute("DROP INDEX transfer_case_pool")
    op.execute("DROP POLICY viewer ON confirmed_address")
    op.execute("DROP TRIGGER confirmed_address_changes ON confirmed_address")
    op.execute("DROP FUNCTION confirmed_address_changes()")
    op.execute(
        "ALTER TABLE confirmed_address DROP COLUMN case_id, DROP COLUMN kind, DROP COLUMN by_organisation, "
        "DROP COLUMN path, DROP COLUMN withdrawn_by, DROP COLUMN withdrawn_reason, DROP COLUMN changed"
    )
    op.execute("ALTER TABLE division DROP COLUMN gone_on")
