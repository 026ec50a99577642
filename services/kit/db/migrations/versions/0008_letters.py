"""Letter numbers and their counterfoils, how an organisation prints, and photos of paper receipts."""

from __future__ import annotations

from alembic import op

from services.kit.db.migrations.row_security import BELOW, row_security

revision = "0008_letters"
down_revision = "0007_portal"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE number_range (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation text NOT NULL,
    path text NOT NULL,
    prefix text NOT NULL,
    digits int NOT NULL CHECK (digits BETWEEN 1 AND 12),
    first bigint NOT NULL CHECK (first >= 0),
    last bigint NOT NULL,
    made_at timestamptz NOT NULL,
    by_organisation text,
    by_person text,
    CHECK (last >= first AND last - first < 100000)
);
CREATE INDEX number_range_path ON number_range (path text_pattern_ops);
CREATE TABLE counterfoil (
    organisation text NOT NULL,                 -- who issues
    path text NOT NULL,
    number text NOT NULL,
    range bigint REFERENCES number_range,         -- null: made up from the case where no range had a number left
    position bigint,
    status text NOT NULL CHECK (status IN ('free', 'issued', 'void')),
    case_id uuid,
    token text UNIQUE,                          -- what the letter's QR code says; opens nothing by itself
    issued_at timestamptz,
    void_reason text,
    voided_at timestamptz,
    voided_by text,
    PRIMARY KEY (organisation, number),
    CHECK ((status = 'issued') <= (case_id IS NOT NULL AND token IS NOT NULL)),
    CHECK ((status = 'void') <= (void_reason IS NOT NULL))
);
COMMENT ON TABLE counterfoil IS 'every number there is, once: free, given to a letter, or void';
CREATE INDEX counterfoil_path ON counterfoil (path text_pattern_ops, range, position);
CREATE INDEX counterfoil_free ON counterfoil (organisation, range, position) WHERE status = 'free';
CREATE INDEX counterfoil_case ON counterfoil (case_id) WHERE case_id IS NOT NULL;

CREATE TABLE print_setting (
    organisation text PRIMARY KEY,
    path text NOT NULL,
    right_mm float8 NOT NULL CHECK (right_mm BETWEEN -50 AND 50),
    down_mm float8 NOT NULL CHECK (down_mm BETWEEN -50 AND 50),
    address text,
    phone text,
    fax text,
    postcode text,
    changed_at timestamptz NOT NULL
);
CREATE INDEX print_setting_path ON print_setting (path text_pattern_ops);
CREATE TABLE receipt_photo (
    id uuid PRIMARY KEY,
    organisation text NOT NULL,
    number text NOT NULL,
    case_id uuid NOT NULL,
    type text NOT NULL CHECK (type IN ('image/jpeg', 'image/png')),
    content bytea NOT NULL CHECK (octet_length(content) <= 8388608),
    by_organisation text NOT NULL,
    by_person text,
    at timestamptz NOT NULL,
    FOREIGN KEY (organisation, number) REFERENCES counterfoil
);
CREATE INDEX receipt_photo_number ON receipt_photo (organisation, number);
CREATE INDEX receipt_photo_case ON receipt_photo (case_id);
"""

# Numbers are handed out in order and never twice: whoever comes second passes by the rows the first still holds.
# `wanted`: one object a letter, {organisation, path, case, fallback, token}; answers {case, number}.
FUNCTIONS = """
CREATE FUNCTION take_numbers(wanted json, p_at timestamptz) RETURNS TABLE (case_id uuid, number text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    w record;
    v_number text;
BEGIN
    FOR w IN SELECT * FROM json_to_recordset(wanted)
             x(organisation text, path text, "case" uuid, fallback text, token text) LOOP
        UPDATE counterfoil f SET status = 'issued', case_id = w."case", token = w.token, issued_at = p_at
        WHERE (f.organisation, f.number) = (
            SELECT n.organisation, n.number FROM counterfoil n
            WHERE n.organisation = w.organisation AND n.status = 'free'
            ORDER BY n.range, n.position LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING f.number INTO v_number;
        IF NOT FOUND THEN
            v_number := w.fallback;
            INSERT INTO counterfoil (organisation, path, number, status, case_id, token, issued_at)
            VALUES (w.organisation, w.path, v_number, 'issued', w."case", w.token, p_at);
        END IF;
        case_id := w."case";
        number := v_number;
        RETURN NEXT;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION take_numbers(json, timestamptz) FROM PUBLIC;
"""

GRANTS = """
GRANT SELECT ON number_range, counterfoil, print_setting, receipt_photo TO guidui_web, guidui_worker;
GRANT INSERT ON number_range, counterfoil, print_setting, receipt_photo TO guidui_worker;
GRANT UPDATE (status, range, position, case_id, token, issued_at, void_reason, voided_at, voided_by) ON counterfoil TO guidui_worker;
GRANT UPDATE ON print_setting TO guidui_worker;
GRANT EXECUTE ON FUNCTION take_numbers(json, timestamptz) TO guidui_worker;
"""

VIEWERS = {
    "number_range": BELOW,
    "counterfoil": BELOW,
    "print_setting": BELOW,
    "receipt_photo": "EXISTS (SELECT FROM transfer_case c WHERE c.id = case_id)",
}


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(FUNCTIONS)
    op.execute(GRANTS)
    op.execute(row_security(VIEWERS))


def downgrade() -> None:
    op.execute("DROP FUNCTION take_numbers(json, timestamptz)")
    op.execute("DROP TABLE receipt_photo, print_setting, counterfoil, number_range")
