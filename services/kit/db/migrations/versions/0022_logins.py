"""Who looks, sealed by the database; accounts that end, the brake on guessing, and the security log.

A path range in two settings says what a page may see, and anybody may set a setting. Beside them stands a seal that
only functions of the owner can make: for whoever shows the hash of a living key or session, or for a login that may
become guidui_worker anyway. A seal counts in the transaction and the session it was made in and nowhere else.
"""

from __future__ import annotations

from alembic import op

from services.kit.db.migrations.row_security import BELOW, row_security

revision = "0022_logins"
down_revision = "0021_who_may_say"
branch_labels = None
depends_on = None

SEAL = """
CREATE TABLE context_secret (
    the_one boolean PRIMARY KEY DEFAULT true CHECK (the_one),
    inner_key bytea NOT NULL CHECK (octet_length(inner_key) = 64),
    outer_key bytea NOT NULL CHECK (octet_length(outer_key) = 64)
);
COMMENT ON TABLE context_secret IS 'keys of the seal; nobody but the owner reads them';
ALTER TABLE context_secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE context_secret FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON context_secret TO CURRENT_USER USING (true) WITH CHECK (true);
INSERT INTO context_secret (inner_key, outer_key)
    SELECT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
               || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()),
           uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
               || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());

-- HMAC with its two keys drawn instead of derived (NMAC). The moment the transaction began and the server process
-- name the transaction: no day is taken from it, and a seal that was copied elsewhere is worth nothing.
CREATE FUNCTION context_seal(p_lo text, p_hi text, p_own text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_seal text;
BEGIN
    SELECT encode(sha256(s.outer_key || sha256(s.inner_key || convert_to(ARRAY[p_lo, p_hi, p_own,
               pg_backend_pid()::text, extract(epoch FROM transaction_timestamp())::text]::text, 'UTF8'))), 'hex')
    INTO STRICT v_seal FROM context_secret s;
    RETURN v_seal;
END $$;

-- What every policy for pages asks, once per statement: (SELECT context_sealed()).
CREATE FUNCTION context_sealed() RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_seal text := current_setting('guidui.seal', true);
BEGIN
    IF v_seal IS NULL OR v_seal = '' THEN
        RETURN false;
    END IF;
    RETURN v_seal = context_seal(current_setting('guidui.lo', true), current_setting('guidui.hi', true),
                                 current_setting('guidui.own', true));
END $$;

-- Who holds a key or a session, by its SHA-256.
CREATE FUNCTION caller_of_proof(p_proof text) RETURNS TABLE (key_id uuid, organisation text, path text, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT k.id, k.organisation, o.path, k.role FROM api_key k JOIN organisation o ON o.code = k.organisation
    WHERE k.hash = p_proof AND k.revoked_at IS NULL
    UNION ALL
    SELECT NULL, a.organisation, o.path, a.role
    FROM session s JOIN account a ON a.id = s.account JOIN organisation o ON o.code = a.organisation
    WHERE s.token_hash = p_proof AND a.ended_at IS NULL
$$;

-- The context of whoever shows a proof: its tree where `p_tree` or the role says so, else itself alone.
CREATE FUNCTION context_of_proof(p_proof text, p_tree boolean)
RETURNS TABLE (lo text, hi text, own text, seal text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_caller record;
BEGIN
    SELECT c.organisation, c.path, c.role INTO v_caller FROM caller_of_proof(p_proof) c;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    lo := v_caller.path;
    hi := CASE WHEN p_tree OR v_caller.role IN ('department', 'admin') THEN left(v_caller.path, -1) || '/'
               ELSE v_caller.path || chr(1) END;
    own := v_caller.organisation;
    seal := context_seal(lo, hi, own);
    RETURN NEXT;
END $$;

-- Any context, for logins that may see everything as guidui_worker and narrow themselves.
CREATE FUNCTION context_of_bounds(p_lo text, p_hi text, p_own text)
RETURNS TABLE (lo text, hi text, own text, seal text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT pg_has_role(session_user, 'guidui_worker', 'MEMBER') THEN
        RAISE EXCEPTION 'this login looks by a key or a session' USING ERRCODE = 'insufficient_privilege';
    END IF;
    lo := p_lo;
    hi := p_hi;
    own := p_own;
    seal := context_seal(lo, hi, own);
    RETURN NEXT;
END $$;

-- Contacts of organisations named one by one, also at the other end of a case: for whoever has a key or a session.
CREATE OR REPLACE FUNCTION official_contacts(codes text[], day date) RETURNS SETOF contact
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM contact
    WHERE organisation = ANY (codes) AND coalesce("from", day) <= day AND coalesce(until, day) >= day
      AND ((SELECT context_sealed())
           OR current_setting('role') <> 'guidui_web' AND pg_has_role(session_user, 'guidui_worker', 'MEMBER'))
$$;

-- Events in the name of whoever shows the proof. A login that may become guidui_worker has looked for itself.
CREATE FUNCTION accept_posted(p_proof text, p_organisation text, p_key uuid, p_at timestamptz,
                              p_events json, p_persons json)
RETURNS TABLE ("position" int, status text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT pg_has_role(session_user, 'guidui_worker', 'MEMBER') AND (
        NOT EXISTS (SELECT FROM caller_of_proof(p_proof) c
                    WHERE c.organisation = p_organisation AND c.key_id IS NOT DISTINCT FROM p_key)
        OR EXISTS (SELECT FROM json_to_recordset(p_events) e(source text)
                   WHERE e.source IS DISTINCT FROM 'urn:guidui:organisation:' || p_organisation))
    THEN
        RAISE EXCEPTION 'not in the name of the key' USING ERRCODE = 'invalid_authorization_specification';
    END IF;
    RETURN QUERY SELECT a."position", a.status
        FROM accept_events(p_organisation, p_key, p_at, p_events, p_persons) a;
END $$;

REVOKE ALL ON FUNCTION context_seal(text, text, text), context_sealed(), caller_of_proof(text),
    context_of_proof(text, boolean), context_of_bounds(text, text, text),
    accept_posted(text, text, uuid, timestamptz, json, json) FROM PUBLIC;
REVOKE ALL ON FUNCTION accept_events(text, uuid, timestamptz, json, json) FROM guidui_web;
-- it counts for whichever organisation it is told: workers count, pages could use up what another may look for
REVOKE ALL ON FUNCTION lookup_counted(text, date, text, int, int) FROM guidui_web;
GRANT EXECUTE ON FUNCTION context_sealed(), context_of_proof(text, boolean), context_of_bounds(text, text, text),
    accept_posted(text, text, uuid, timestamptz, json, json) TO guidui_web, guidui_worker;
"""

ACCOUNTS = """
ALTER TABLE account ALTER COLUMN organisation DROP NOT NULL;
ALTER TABLE account DROP CONSTRAINT IF EXISTS account_role_check;
ALTER TABLE account ADD CONSTRAINT account_role_check
    CHECK (role IN ('secretary', 'clerk', 'department', 'admin', 'operator'));
ALTER TABLE account ADD CONSTRAINT account_operator_has_none CHECK ((role = 'operator') = (organisation IS NULL));
CREATE UNIQUE INDEX account_operator_name ON account (name) WHERE organisation IS NULL;
ALTER TABLE account ADD COLUMN signed_in_at timestamptz;
ALTER TABLE api_key ALTER COLUMN organisation DROP NOT NULL;
ALTER TABLE api_key DROP CONSTRAINT IF EXISTS api_key_role_check;
ALTER TABLE api_key ADD CONSTRAINT api_key_role_check
    CHECK (role IN ('sender', 'receiver', 'department', 'admin', 'operator'));
GRANT UPDATE (signed_in_at) ON account TO guidui_worker;
GRANT SELECT (signed_in_at, must_change, changed_at) ON account TO guidui_web;
GRANT SELECT (id, organisation, path, role, created_at, revoked_at) ON api_key TO guidui_web;

CREATE OR REPLACE FUNCTION caller_of_key(p_hash text)
RETURNS TABLE (key_id uuid, organisation text, path text, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT k.id, k.organisation, coalesce(o.path, ''), k.role
    FROM api_key k LEFT JOIN organisation o ON o.code = k.organisation
    WHERE k.hash = p_hash AND k.revoked_at IS NULL AND (o.code IS NOT NULL OR k.role = 'operator')
$$;
CREATE OR REPLACE FUNCTION session_account(p_hash text, p_now timestamptz, p_idle interval, p_whole interval)
RETURNS TABLE (account uuid, name text, role text, must_change boolean,
               organisation text, path text, organisation_name text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE session s SET seen_at = p_now
    WHERE s.token_hash = p_hash AND s.seen_at < p_now - interval '1 minute' AND s.seen_at > p_now - p_idle;
    RETURN QUERY SELECT a.id, a.name, a.role, a.must_change, o.code, coalesce(o.path, ''), coalesce(o.name, '')
        FROM session s JOIN account a ON a.id = s.account LEFT JOIN organisation o ON o.code = a.organisation
        WHERE s.token_hash = p_hash AND s.seen_at > p_now - p_idle AND s.opened_at > p_now - p_whole
          AND a.ended_at IS NULL;
END $$;
"""

BRAKE = """
DROP TABLE sign_in_failure;
CREATE TABLE sign_in_brake (
    subject text PRIMARY KEY,                   -- HMAC of who is tried and from where
    tries int NOT NULL,
    last_at timestamptz NOT NULL,
    next_at timestamptz NOT NULL                -- before this moment no password is looked at
);
CREATE INDEX sign_in_brake_last ON sign_in_brake (last_at);
CREATE TABLE known_device (
    token_hash text NOT NULL,                   -- SHA-256 of a cookie that was set when the account signed in
    account uuid NOT NULL REFERENCES account ON DELETE CASCADE,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (token_hash, account)
);
CREATE INDEX known_device_account ON known_device (account);
CREATE INDEX known_device_seen ON known_device (seen_at);

-- One more try for each subject, or none for any: the seconds to wait, 0 where the password may be looked at.
-- From the `free`th try on the next one waits `first` seconds, and longer each time: times `factor`, plus `step`, at
-- most `most`. Whoever waits is not counted, so a wait always ends. Rows are locked in one order, before they are read.
CREATE FUNCTION sign_in_turn(p_brakes json, p_now timestamptz, p_window interval) RETURNS double precision
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_next timestamptz;
BEGIN
    INSERT INTO sign_in_brake (subject, tries, last_at, next_at)
        SELECT g.subject, 0, p_now, '-infinity' FROM json_to_recordset(p_brakes) g(subject text) ORDER BY g.subject
        ON CONFLICT (subject) DO NOTHING;
    PERFORM FROM sign_in_brake b WHERE b.subject IN (SELECT g.subject FROM json_to_recordset(p_brakes) g(subject text))
        ORDER BY b.subject FOR UPDATE;
    SELECT max(b.next_at) INTO v_next FROM sign_in_brake b
        WHERE b.subject IN (SELECT g.subject FROM json_to_recordset(p_brakes) g(subject text));
    IF v_next > p_now THEN
        RETURN extract(epoch FROM v_next - p_now);
    END IF;
    UPDATE sign_in_brake b SET tries = t.tries, last_at = p_now,
        next_at = CASE WHEN t.tries < t.free THEN '-infinity'::timestamptz
            ELSE p_now + make_interval(secs => least(t.most,
                t.first * power(t.factor, least(t.tries - t.free, 40)) + t.step * (t.tries - t.free))) END
    FROM (SELECT g.*, CASE WHEN k.last_at < p_now - p_window THEN 1 ELSE k.tries + 1 END AS tries
          FROM json_to_recordset(p_brakes) g(subject text, free int, first double precision, factor double precision,
                                             step double precision, most double precision)
          JOIN sign_in_brake k ON k.subject = g.subject) t
    WHERE b.subject = t.subject;
    RETURN 0;
END $$;
REVOKE ALL ON FUNCTION sign_in_turn(json, timestamptz, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sign_in_turn(json, timestamptz, interval) TO guidui_worker;
GRANT SELECT, UPDATE, DELETE ON sign_in_brake TO guidui_worker;
GRANT SELECT, INSERT, UPDATE (token_hash, seen_at), DELETE ON known_device TO guidui_worker;
"""

LOG = """
CREATE TABLE security_log (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    event text NOT NULL CHECK (event ~ '^[a-z_]{1,40}$'),
    result text NOT NULL CHECK (result IN ('done', 'refused', 'failed')),
    organisation text,                          -- of whoever acted; null: an operator, the program, or nobody known
    path text NOT NULL,                         -- of the organisation whose department reads the row; '': operators only
    account uuid,
    key_id uuid,
    role text,
    object text,                                -- the kind of thing it was about
    reference text,                             -- id of the key or account it was about; HMAC of what was typed
    detail text,                                -- a code of the program's, never words of anybody
    trace text
);
COMMENT ON TABLE security_log IS 'added to, never altered; nobody is named in it';
CREATE INDEX security_log_at ON security_log (at DESC, id DESC);
CREATE INDEX security_log_path ON security_log (path text_pattern_ops, at DESC, id DESC);

-- Half a year stands whoever asks; a part of the tree that moves takes its rows along, and nothing else changes.
CREATE FUNCTION security_log_stands() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - 'path' = to_jsonb(OLD) - 'path' THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' AND OLD.at < (SELECT max(l.at) FROM security_log l) - interval '180 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the security log is added to, never altered' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE FUNCTION security_log_is_kept() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'the security log is added to, never altered' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER security_log_stands BEFORE UPDATE OR DELETE ON security_log
    FOR EACH ROW EXECUTE FUNCTION security_log_stands();
CREATE TRIGGER security_log_is_kept BEFORE TRUNCATE ON security_log
    FOR EACH STATEMENT EXECUTE FUNCTION security_log_is_kept();
CREATE FUNCTION security_log_forgets(p_before timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_rows bigint;
BEGIN
    DELETE FROM security_log l WHERE l.at < p_before
        AND l.at < (SELECT max(m.at) FROM security_log m) - interval '180 days';
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    RETURN v_rows;
END $$;
REVOKE ALL ON FUNCTION security_log_stands(), security_log_is_kept(), security_log_forgets(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION security_log_forgets(timestamptz) TO guidui_worker;
GRANT SELECT ON security_log TO guidui_web;
GRANT SELECT, INSERT ON security_log TO guidui_worker;
"""


def upgrade() -> None:
    op.execute(SEAL)
    op.execute(ACCOUNTS)
    op.execute(BRAKE)
    op.execute(LOG)
    op.execute(row_security({"sign_in_brake": None, "known_device": None, "security_log": BELOW}))


_UNSEAL = """
DO $$
DECLARE
    sealed record;
BEGIN
    FOR sealed IN SELECT polrelid::regclass AS name FROM pg_policy WHERE polname = 'sealed' LOOP
        EXECUTE format('DROP POLICY sealed ON %s', sealed.name);
    END LOOP;
END $$;
CREATE OR REPLACE FUNCTION official_contacts(codes text[], day date) RETURNS SETOF contact
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM contact
    WHERE organisation = ANY (codes) AND coalesce("from", day) <= day AND coalesce(until, day) >= day
      AND (current_setting('role') <> 'guidui_web'
           OR nullif(current_setting('guidui.lo', true), '') IS NOT NULL)
$$;
DROP FUNCTION accept_posted(text, text, uuid, timestamptz, json, json), context_of_bounds(text, text, text),
    context_of_proof(text, boolean), caller_of_proof(text), context_sealed(), context_seal(text, text, text);
GRANT EXECUTE ON FUNCTION accept_events(text, uuid, timestamptz, json, json) TO guidui_web;
DROP TABLE context_secret;
"""
_OLD_BRAKE = """
DROP FUNCTION sign_in_turn(json, timestamptz, interval);
DROP TABLE known_device, sign_in_brake;
CREATE TABLE sign_in_failure (subject text NOT NULL, at timestamptz NOT NULL);
CREATE INDEX sign_in_failure_subject ON sign_in_failure (subject, at);
CREATE INDEX sign_in_failure_at ON sign_in_failure (at);
GRANT SELECT, INSERT, DELETE ON sign_in_failure TO guidui_worker;
"""
_OLD_ACCOUNTS = """
DELETE FROM account WHERE role = 'operator';
DELETE FROM api_key WHERE role = 'operator';
DROP INDEX account_operator_name;
ALTER TABLE account DROP CONSTRAINT account_operator_has_none, DROP COLUMN signed_in_at;
ALTER TABLE account ALTER COLUMN organisation SET NOT NULL;
ALTER TABLE api_key ALTER COLUMN organisation SET NOT NULL;
REVOKE SELECT (id, organisation, path, role, created_at, revoked_at) ON api_key FROM guidui_web;
REVOKE SELECT (must_change, changed_at) ON account FROM guidui_web;
"""


def downgrade() -> None:
    op.execute(_UNSEAL)
    op.execute(_OLD_ACCOUNTS)
    op.execute(_OLD_BRAKE)
    op.execute(
        "DROP TABLE security_log; DROP FUNCTION security_log_forgets(timestamptz), security_log_stands(), "
        "security_log_is_kept()"
    )
    op.execute(row_security({"sign_in_failure": None}))
