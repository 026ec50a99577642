"""The register: divisions, organisations in a tree, members, their blocking keys, contacts, grids.

What belongs to an organisation carries that organisation's ``path`` (its superiors' codes from the top,
itself last, each followed by a dot), so one range condition says who may see it. A member's organisation is
written when the member enters the register and after that by an acceptance only: ``guidui_worker`` has no
right to update it.
"""

from __future__ import annotations

from alembic import op

from services.kit.db.migrations.row_security import BELOW, row_security

revision = "0002_registry"
down_revision = "0001_kit"
branch_labels = None
depends_on = None

SEEN_BY_PATH = ("organisation", "member", "contact", "grid")
WORKERS_ONLY = ("member_key", "path_move")

TABLES = """
CREATE TABLE division (
    code text PRIMARY KEY,
    name text NOT NULL,
    level smallint NOT NULL CHECK (level BETWEEN 1 AND 5),
    parent text
);

CREATE TABLE organisation (
    code text PRIMARY KEY,
    path text NOT NULL CHECK (right(path, length(code) + 1) = code || '.'),
    name text NOT NULL,
    kind text NOT NULL
        CHECK (kind IN ('basic_committee', 'general_branch', 'branch', 'organisation_department')),
    unit text NOT NULL CHECK (unit IN ('community', 'village', 'street', 'township', 'county', 'city',
        'enterprise_state', 'enterprise_private', 'school', 'institution', 'organ', 'talent_service', 'park',
        'retiree', 'military', 'social_organisation')),
    parent text REFERENCES organisation (code),
    area text,
    serves_area boolean NOT NULL DEFAULT false,
    authority boolean NOT NULL DEFAULT false,
    address text,
    effective_from date,
    effective_to date,
    successor text,
    outside boolean NOT NULL DEFAULT false
);
CREATE INDEX organisation_path ON organisation (path text_pattern_ops);
CREATE INDEX organisation_parent ON organisation (parent);
CREATE INDEX organisation_area ON organisation (area);

CREATE TABLE member (
    member text PRIMARY KEY,
    organisation text NOT NULL REFERENCES organisation (code),
    path text NOT NULL,
    name text NOT NULL,
    sex text CHECK (sex IN ('male', 'female')),
    ethnicity text,
    birth_date date,
    id_number text,
    phone text,
    address text,
    status text NOT NULL CHECK (status IN ('full', 'probationary')),
    standing text NOT NULL CHECK (standing IN ('normal', 'suspended', 'ended')),
    joined_on date,
    last_life_on date,
    dues_paid_to text CHECK (dues_paid_to ~ '^[0-9]{4}-[0-9]{2}$')
);
CREATE INDEX member_path ON member (path text_pattern_ops);
CREATE INDEX member_organisation ON member (organisation);

CREATE TABLE member_key (
    key text NOT NULL,
    member text NOT NULL,
    PRIMARY KEY (key, member)
);

CREATE TABLE contact (
    id uuid PRIMARY KEY,
    organisation text NOT NULL REFERENCES organisation (code),
    path text NOT NULL,
    name text NOT NULL,
    post text NOT NULL CHECK (post IN ('secretary', 'deputy', 'clerk')),
    phone text,
    email text,
    channel text NOT NULL
        CHECK (channel IN ('portal', 'email', 'wecom', 'dingtalk', 'feishu', 'sms', 'visit')),
    "from" date,
    until date,
    bounced_count int NOT NULL DEFAULT 0
);
CREATE INDEX contact_path ON contact (path text_pattern_ops);
CREATE INDEX contact_organisation ON contact (organisation);

CREATE TABLE grid (
    grid text PRIMARY KEY,
    community text NOT NULL,
    path text,
    name text NOT NULL,
    contact text,
    phone text,
    addresses text[] NOT NULL DEFAULT '{}'
);
COMMENT ON COLUMN grid.path IS 'of the organisation that serves the community; null while none does';
CREATE INDEX grid_path ON grid (path text_pattern_ops);
CREATE INDEX grid_community ON grid (community);

CREATE TABLE path_move (
    old_path text PRIMARY KEY,
    new_path text NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY
);
COMMENT ON TABLE path_move IS 'parts of the tree that moved and whose followers still carry the old path';

CREATE TABLE registry_version (
    part text PRIMARY KEY,
    mark uuid NOT NULL
);
COMMENT ON TABLE registry_version IS 'a new mark whenever the part changed; caches compare it';
INSERT INTO registry_version VALUES ('organisation', gen_random_uuid());
"""

FUNCTIONS = """
CREATE FUNCTION organisations_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE registry_version SET mark = gen_random_uuid() WHERE part = 'organisation';
    RETURN NULL;
END $$;
CREATE TRIGGER organisations_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON organisation
    FOR EACH STATEMENT EXECUTE FUNCTION organisations_changed();

-- The directory of organisations (no persons in it) is for everybody: whoever sends must find whom to send
-- to.
CREATE FUNCTION organisation_directory() RETURNS SETOF organisation
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM organisation
$$;

-- The official contacts of organisations named one by one, for the other end of a case too.
CREATE FUNCTION official_contacts(codes text[], day date) RETURNS SETOF contact
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM contact
    WHERE organisation = ANY (codes) AND coalesce("from", day) <= day AND coalesce(until, day) >= day
      AND (current_setting('role') <> 'guidui_web'
           OR nullif(current_setting('guidui.lo', true), '') IS NOT NULL)
$$;

-- After a part of the tree moved, whatever carries its old path follows: the column `path` of every table
-- under
-- row-level security. Moves at most rows_max rows of each and says how many in all; the only way to change a
-- member's path
-- but for an acceptance.
CREATE FUNCTION paths_follow(old text, new text, rows_max int) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    follower regclass;
    moved bigint;
    total bigint := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM organisation
                   WHERE path = new AND right(old, length(code) + 1) = code || '.') THEN
        RAISE EXCEPTION 'no organisation moved from % to %', old, new;
    END IF;
    FOR follower IN
        SELECT c.oid FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relrowsecurity
          AND a.attname = 'path' AND a.atttypid = 'text'::regtype
          AND c.relname NOT IN ('organisation', 'grid')
        ORDER BY c.relname
    LOOP
        EXECUTE format('UPDATE %s SET path = $2 || substr(path, length($1) + 1) WHERE ctid = ANY (ARRAY('
                       'SELECT ctid FROM %s WHERE path ~>=~ $1 AND path ~<~ $3 LIMIT $4 FOR UPDATE))',
                       follower, follower)
            USING old, new, left(old, -1) || '/', rows_max;
        GET DIAGNOSTICS moved = ROW_COUNT;
        total := total + moved;
    END LOOP;
    RETURN total;
END $$;
REVOKE ALL ON FUNCTION organisation_directory(), official_contacts(text[], date),
    paths_follow(text, text, int) FROM PUBLIC;
"""

GRANTS = """
GRANT SELECT ON division, organisation, member, contact, grid, registry_version TO guidui_web;
GRANT EXECUTE ON FUNCTION organisation_directory(), official_contacts(text[], date)
    TO guidui_web, guidui_worker;

GRANT SELECT ON registry_version TO guidui_worker;
GRANT SELECT, INSERT, UPDATE ON division, organisation, contact, grid TO guidui_worker;
GRANT SELECT, INSERT ON member TO guidui_worker;
GRANT UPDATE (name, sex, ethnicity, birth_date, id_number, phone, address, status, standing, joined_on,
    last_life_on, dues_paid_to) ON member TO guidui_worker;
GRANT SELECT, INSERT, DELETE ON member_key, path_move TO guidui_worker;
GRANT EXECUTE ON FUNCTION paths_follow(text, text, int) TO guidui_worker;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(FUNCTIONS)
    op.execute(GRANTS)
    op.execute(row_security(dict.fromkeys(SEEN_BY_PATH, BELOW) | dict.fromkeys(WORKERS_ONLY)))


def downgrade() -> None:
    op.execute(
        "DROP FUNCTION organisation_directory(), official_contacts(text[], date), "
        "paths_follow(text, text, int)"
    )
    op.execute(
        "DROP TABLE path_move, grid, contact, member_key, member, organisation, division, registry_version"
    )
    op.execute("DROP FUNCTION organisations_changed()")
