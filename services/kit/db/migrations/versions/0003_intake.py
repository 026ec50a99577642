"""What organisations posted, who may post, and the one statement that accepts events."""

from __future__ import annotations

from alembic import op

from services.kit.db.migrations.row_security import BELOW, row_security

revision = "0003_intake"
down_revision = "0002_registry"
branch_labels = None
depends_on = None

SEEN_BY_PATH = ("api_key", "posted_event", "posted_person")

TABLES = """
CREATE TABLE api_key (
    id uuid PRIMARY KEY,
    hash text NOT NULL UNIQUE,                  -- SHA-256 of the key; the key itself is shown once and kept nowhere
    organisation text NOT NULL,
    path text NOT NULL,
    role text NOT NULL CHECK (role IN ('sender', 'receiver', 'department', 'admin')),
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE TABLE posted_event (
    id uuid PRIMARY KEY,                        -- uuid5 of (source, ext_id)
    source text NOT NULL,
    ext_id text NOT NULL,
    organisation text NOT NULL,
    path text NOT NULL,
    type text NOT NULL,
    time timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    data json NOT NULL,                         -- without person, persons, to, circumstances
    body_hmac text NOT NULL,
    persons int NOT NULL,
    batch text,
    corrects text,
    key_id uuid
);
CREATE INDEX posted_event_received ON posted_event (received_at);
CREATE INDEX posted_event_corrects ON posted_event (source, corrects) WHERE corrects IS NOT NULL;
CREATE INDEX posted_event_batch ON posted_event (source, batch) WHERE batch IS NOT NULL;
CREATE TABLE posted_person (
    event_id uuid NOT NULL REFERENCES posted_event ON DELETE CASCADE,
    position int NOT NULL,
    path text NOT NULL,
    body json,                                  -- {"person", "to", "circumstances"}; null once erased
    PRIMARY KEY (event_id, position)
);
"""

# One call, one transaction. The key is looked at again, so that a revoked one stores nothing whatever a cache says.
# Rows go in ordered by id: two batches with the same ids in another order wait for each other instead of dying.
# The last query runs on a newer snapshot than the insert and so sees a row that another session has just committed.
FUNCTIONS = """
CREATE FUNCTION accept_events(p_organisation text, p_key uuid, p_at timestamptz, p_events json, p_persons json)
RETURNS TABLE ("position" int, status text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_path text;
    v_fresh uuid[];
BEGIN
    SELECT o.path INTO v_path FROM organisation o
    WHERE o.code = p_organisation AND (p_key IS NULL OR EXISTS (
        SELECT FROM api_key k WHERE k.id = p_key AND k.organisation = o.code AND k.revoked_at IS NULL));
    IF v_path IS NULL THEN
        RAISE EXCEPTION 'key revoked or organisation unknown' USING ERRCODE = 'invalid_authorization_specification';
    END IF;
    WITH given AS (
        SELECT * FROM json_to_recordset(p_events) e("position" int, id uuid, source text, ext_id text, type text,
            "time" timestamptz, data json, body_hmac text, persons int, batch text, corrects text, key text)
    ), stored AS (
        INSERT INTO posted_event (id, source, ext_id, organisation, path, type, time, received_at, data, body_hmac,
                                  persons, batch, corrects, key_id)
        SELECT g.id, g.source, g.ext_id, p_organisation, v_path, g.type, g."time", p_at, g.data, g.body_hmac,
               g.persons, g.batch, g.corrects, p_key
        FROM given g ORDER BY g.id
        ON CONFLICT (id) DO NOTHING RETURNING id
    ), people AS (
        INSERT INTO posted_person (event_id, position, path, body)
        SELECT p.event_id, p."position", v_path, p.body
        FROM json_to_recordset(p_persons) p(event_id uuid, "position" int, body json) JOIN stored s ON s.id = p.event_id
    ), logged AS (
        INSERT INTO event_log (topic, key, event_id, type, body, time, at)
        SELECT 'departures', g.key, g.id, 'guidui.event.posted.v1', json_build_object('event', g.id), g."time", p_at
        FROM given g JOIN stored s ON s.id = g.id ORDER BY g."position"
        ON CONFLICT (event_id) DO NOTHING
    )
    SELECT array_agg(s.id) INTO v_fresh FROM stored s;
    IF v_fresh IS NOT NULL THEN
        PERFORM pg_notify('event_log', '');
    END IF;
    RETURN QUERY
        SELECT g."position", CASE WHEN g.id = ANY (v_fresh) THEN 'accepted'
                                  WHEN g.body_hmac = p.body_hmac THEN 'duplicate' ELSE 'conflict' END
        FROM json_to_recordset(p_events) g(id uuid, body_hmac text, "position" int) JOIN posted_event p ON p.id = g.id;
END $$;
CREATE FUNCTION unknown_organisations(p_codes text[]) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c FROM unnest(p_codes) c WHERE NOT EXISTS (SELECT FROM organisation o WHERE o.code = c)
$$;
CREATE FUNCTION caller_of_key(p_hash text)
RETURNS TABLE (key_id uuid, organisation text, path text, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT k.id, k.organisation, o.path, k.role FROM api_key k JOIN organisation o ON o.code = k.organisation
    WHERE k.hash = p_hash AND k.revoked_at IS NULL
$$;
"""

GRANTS = """
REVOKE ALL ON FUNCTION accept_events(text, uuid, timestamptz, json, json), unknown_organisations(text[]),
    caller_of_key(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accept_events(text, uuid, timestamptz, json, json), unknown_organisations(text[]),
    caller_of_key(text) TO guidui_web, guidui_worker;
GRANT SELECT ON posted_event, posted_person TO guidui_web;
GRANT SELECT ON posted_event TO guidui_worker;
GRANT SELECT, UPDATE (body) ON posted_person TO guidui_worker;
GRANT SELECT, INSERT, UPDATE (revoked_at) ON api_key TO guidui_worker;
"""


def upgrade() -> None:
    op.execute(TABLES)
    for table in SEEN_BY_PATH:
        op.execute(f"CREATE INDEX {table}_path ON {table} (path text_pattern_ops)")
    op.execute(row_security(dict.fromkeys(SEEN_BY_PATH, BELOW)))
    op.execute(FUNCTIONS)
    op.execute(GRANTS)


def downgrade() -> None:
    op.execute(
        "DROP FUNCTION accept_events(text, uuid, timestamptz, json, json), unknown_organisations(text[]), "
        "caller_of_key(text)"
    )
    op.execute("DROP TABLE posted_person, posted_event, api_key")
