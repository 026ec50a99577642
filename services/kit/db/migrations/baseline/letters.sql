CREATE TABLE number_range (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation text NOT NULL,
    path text NOT NULL,
    prefix text NOT NULL,
    digits int NOT NULL CHECK ((digits >= 1) AND (digits <= 12)),
    first bigint NOT NULL CHECK (first >= 0),
    last bigint NOT NULL,
    made_at timestamptz NOT NULL,
    by_organisation text,
    by_person text,
    CONSTRAINT number_range_check CHECK ((last >= first) AND ((last - first) < 100000))
);
CREATE INDEX number_range_path ON number_range (path text_pattern_ops);

CREATE TABLE counterfoil (
    organisation text,                          -- who issues
    path text NOT NULL,
    number text,
    -- null: made up from the case where no range had a number left
    range bigint REFERENCES number_range,
    "position" bigint,
    status text NOT NULL CHECK (status IN ('free', 'issued', 'void')),
    case_id uuid,
    token text UNIQUE,  -- what the letter's QR code says; opens nothing by itself
    issued_at timestamptz,
    void_reason text,
    voided_at timestamptz,
    voided_by text,
    PRIMARY KEY (organisation, number),
    CONSTRAINT counterfoil_check CHECK ((status = 'issued') <= ((case_id IS NOT NULL) AND (token IS
        NOT NULL))),
    CONSTRAINT counterfoil_check1 CHECK ((status = 'void') <= (void_reason IS NOT NULL))
);
COMMENT ON TABLE counterfoil IS
    'every number there is, once: free, given to a letter, or void';
CREATE INDEX counterfoil_case ON counterfoil (case_id) WHERE case_id IS NOT NULL;
CREATE INDEX counterfoil_free ON counterfoil (organisation, range, "position") WHERE status =
    'free';
CREATE INDEX counterfoil_path ON counterfoil (path text_pattern_ops, range, "position");

CREATE TABLE print_setting (
    organisation text PRIMARY KEY,
    path text NOT NULL,
    right_mm double precision NOT NULL CHECK (right_mm BETWEEN -50 AND 50),
    down_mm double precision NOT NULL CHECK (down_mm BETWEEN -50 AND 50),
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
    type text NOT NULL CHECK (type IN ('image/jpeg', 'image/png', 'application/pdf')),
    content bytea NOT NULL CHECK (octet_length(content) <= 8388608),
    by_organisation text NOT NULL,
    by_person text,
    at timestamptz NOT NULL,
    seq int,                                    -- of the case's history row that was made with it
    FOREIGN KEY (case_id, seq) REFERENCES case_event(case_id, seq),
    FOREIGN KEY (organisation, number) REFERENCES counterfoil(organisation, number)
);
CREATE INDEX receipt_photo_case ON receipt_photo (case_id);
CREATE INDEX receipt_photo_number ON receipt_photo (organisation, number);
