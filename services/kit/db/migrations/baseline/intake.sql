CREATE TABLE posted_event (
    id uuid PRIMARY KEY,                        -- uuid5 of (source, ext_id)
    source text NOT NULL,
    ext_id text NOT NULL,
    organisation text NOT NULL,
    path text NOT NULL,
    type text NOT NULL,
    "time" timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    data json NOT NULL,                         -- without person, persons, to, circumstances
    body_hmac text NOT NULL,
    persons int NOT NULL,
    batch text,
    corrects text,
    key_id uuid
);
CREATE INDEX posted_event_batch ON posted_event (source, batch) WHERE batch IS NOT NULL;
CREATE INDEX posted_event_corrects ON posted_event (source, corrects) WHERE corrects IS NOT NULL;
CREATE INDEX posted_event_ext_id ON posted_event (ext_id);
CREATE INDEX posted_event_path ON posted_event (path text_pattern_ops);
CREATE INDEX posted_event_received ON posted_event (received_at);

CREATE TABLE posted_person (
    event_id uuid REFERENCES posted_event ON DELETE CASCADE,
    "position" int,
    path text NOT NULL,
    body json,  -- {"person", "to", "circumstances"}; null once erased
    PRIMARY KEY (event_id, "position")
);
CREATE INDEX posted_person_path ON posted_person (path text_pattern_ops);
