"""Persons who sign in, their sessions, and failed sign-ins."""

from __future__ import annotations

from alembic import op

from services.kit.db.migrations.row_security import BELOW, row_security

revision = "0007_portal"
down_revision = "0006_notices"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE account (
    id uuid PRIMARY KEY,
    organisation text NOT NULL REFERENCES organisation (code),
    path text NOT NULL,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('secretary', 'clerk', 'department', 'admin')),
    password_hash text NOT NULL,                -- argon2id
    must_change boolean NOT NULL,
    created_at timestamptz NOT NULL,
    changed_at timestamptz,
    ended_at timestamptz,
    UNIQUE (organisation, name)
);
CREATE INDEX account_path ON account (path text_pattern_ops);
CREATE TABLE session (
    token_hash text PRIMARY KEY,                -- SHA-256 of the cookie
    account uuid NOT NULL REFERENCES account ON DELETE CASCADE,
    opened_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL
);
CREATE INDEX session_account_is ON session (account);
CREATE INDEX session_opened ON session (opened_at);
CREATE TABLE sign_in_failure (
    subject text NOT NULL,                      -- HMAC of who was tried or from where
    at timestamptz NOT NULL
);
CREATE INDEX sign_in_failure_subject ON sign_in_failure (subject, at);
CREATE INDEX sign_in_failure_at ON sign_in_failure (at);
"""

# Who is behind a cookie; notes once a minute that the session is in use.
FUNCTIONS = """
CREATE FUNCTION session_account(p_hash text, p_now timestamptz, p_idle interval, p_whole interval)
RETURNS TABLE (account uuid, name text, role text, must_change boolean,
               organisation text, path text, organisation_name text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE session s SET seen_at = p_now
    WHERE s.token_hash = p_hash AND s.seen_at < p_now - interval '1 minute' AND s.seen_at > p_now - p_idle;
    RETURN QUERY SELECT a.id, a.name, a.role, a.must_change, o.code, o.path, o.name
        FROM session s JOIN account a ON a.id = s.account JOIN organisation o ON o.code = a.organisation
        WHERE s.token_hash = p_hash AND s.seen_at > p_now - p_idle AND s.opened_at > p_now - p_whole
          AND a.ended_at IS NULL;
END $$;
REVOKE ALL ON FUNCTION session_account(text, timestamptz, interval, interval) FROM PUBLIC;
"""

GRANTS = """
GRANT SELECT (id, organisation, path, name, role, created_at, ended_at) ON account TO guidui_web;
GRANT SELECT, INSERT ON account TO guidui_worker;
GRANT UPDATE (password_hash, must_change, changed_at, ended_at) ON account TO guidui_worker;
GRANT SELECT, INSERT, DELETE ON session, sign_in_failure TO guidui_worker;
GRANT EXECUTE ON FUNCTION session_account(text, timestamptz, interval, interval) TO guidui_web;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(FUNCTIONS)
    op.execute(GRANTS)
    op.execute(row_security({"account": BELOW, "session": None, "sign_in_failure": None}))


def downgrade() -> None:
    op.execute("DROP FUNCTION session_account(text, timestamptz, interval, interval)")
    op.execute("DROP TABLE sign_in_failure, session, account")
