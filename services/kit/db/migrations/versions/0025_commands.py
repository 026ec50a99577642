"""Ids of cases that nobody computes, dead letters with an owner, and who opened which list."""

from __future__ import annotations

from alembic import op

from services.kit.db.migrations.row_security import BELOW, row_security

revision = "0025_commands"
down_revision = "0024_loops"
branch_labels = None
depends_on = None

# A database with cases in it gets its key at once, and is told that some of them have plain ids;
# an empty one gets it when the first id is needed, so that a simulation may set the same one.
CASE_KEY = """
CREATE TABLE case_key (
    the_one boolean PRIMARY KEY DEFAULT true CHECK (the_one),
    key bytea NOT NULL CHECK (octet_length(key) >= 4),
    former boolean NOT NULL
);
COMMENT ON TABLE case_key IS 'the key of case ids (cases/store/case_ids.py); read by guidui_worker alone';
COMMENT ON COLUMN case_key.former IS 'whether cases were opened before there was a key';
INSERT INTO case_key (key, former)
    SELECT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), true
    WHERE EXISTS (SELECT FROM transfer_case);
GRANT SELECT, INSERT ON case_key TO guidui_worker;
"""

# Whoever lays a letter on the desk, the database says whose it is, as far as the message names an
# event or organisations.
DEAD_LETTERS = r"""
ALTER TABLE dead_letter ADD COLUMN organisation text;
COMMENT ON COLUMN dead_letter.organisation IS
    'whose it is, as far as known; null: the operator''s alone';
CREATE FUNCTION dead_letter_owner(p_topic text, p_body json) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT o.code FROM organisation o WHERE o.code = CASE
        WHEN p_body IS NULL OR json_typeof(p_body) <> 'object' THEN NULL
        WHEN p_topic = 'departures'
            AND p_body ->> 'event' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
            THEN (SELECT e.organisation FROM posted_event e WHERE e.id = (p_body ->> 'event')::uuid)
        ELSE coalesce(p_body ->> 'organisation', p_body ->> 'origin', p_body ->> 'owner') END
$$;
CREATE FUNCTION dead_letter_belongs() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    NEW.organisation := coalesce(NEW.organisation, dead_letter_owner(NEW.topic, NEW.body));
    RETURN NEW;
END $$;
CREATE TRIGGER dead_letter_belongs BEFORE INSERT ON dead_letter
    FOR EACH ROW EXECUTE FUNCTION dead_letter_belongs();
UPDATE dead_letter SET organisation = dead_letter_owner(topic, body);
REVOKE ALL ON FUNCTION dead_letter_owner(text, json), dead_letter_belongs() FROM PUBLIC;
"""

LIST_LOOKS = """
CREATE TABLE list_look (
    id uuid PRIMARY KEY,
    organisation text NOT NULL,
    path text NOT NULL,
    person text,
    list text NOT NULL,
    shown int NOT NULL,
    at timestamptz NOT NULL
);
COMMENT ON TABLE list_look IS
    'who opened a list of persons, and how many it showed; which ones is told by no row';
CREATE INDEX list_look_at ON list_look (at);
CREATE INDEX list_look_path ON list_look (path text_pattern_ops, at);
GRANT SELECT ON list_look TO guidui_web;
GRANT SELECT, INSERT ON list_look TO guidui_worker;
"""


def upgrade() -> None:
    op.execute(CASE_KEY)
    op.execute(row_security({"case_key": None}))
    op.execute(DEAD_LETTERS)
    op.execute(LIST_LOOKS)
    op.execute(row_security({"list_look": BELOW}))


def downgrade() -> None:
    op.execute("DROP TABLE list_look, case_key")
    op.execute("DROP TRIGGER dead_letter_belongs ON dead_letter")
    op.execute("DROP FUNCTION dead_letter_belongs(), dead_letter_owner(text, json)")
    op.execute("ALTER TABLE dead_letter DROP COLUMN organisation")
