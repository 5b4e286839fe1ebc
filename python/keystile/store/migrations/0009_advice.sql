-- Advice: when a key last used each of its scopes, and what was found of keys.
-- No foreign keys, as for usage: a flush must neither fail for a key that is gone nor lock the keys that it counts.

-- A row for each scope that a key has used, or was given after its creation.
CREATE TABLE scope_uses (
    key_id     text NOT NULL,
    scope      text NOT NULL,
    -- The UTC date of its newest use; NULL: none yet.
    used_on    date,
    -- When the key was given it, if that was after the key's creation.
    granted_at timestamptz,
    PRIMARY KEY (key_id, scope)
) WITH (fillfactor = 80);

-- What takes too long to find out whenever somebody asks, and is looked for by the hour. What is read of it is held
-- against the key once more.
CREATE TABLE findings (
    key_id     text NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('unused', 'unused_scopes', 'sudden_change')),
    -- The key's; they never change.
    tenant     text NOT NULL,
    created_at timestamptz NOT NULL,
    since      timestamptz NOT NULL,
    -- Of `unused_scopes`: which.
    scopes     text[],
    -- Of `sudden_change`: the figures.
    detail     jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (key_id, kind),
    CHECK ((kind = 'unused_scopes') = (cardinality(scopes) > 0))
);
CREATE INDEX findings_by_age ON findings (tenant, kind, created_at, key_id);

-- Active keys, for what is looked at whenever somebody asks.
CREATE INDEX keys_live ON keys (tenant, created_at, id) INCLUDE (rotated_at, expires_at)
    WHERE revoked_at IS NULL AND NOT disabled;

-- `scopes`: since when uses of scopes are noted without a gap. `findings`: when they were last looked for.
CREATE TABLE watches (
    name text PRIMARY KEY CHECK (name IN ('scopes', 'findings')),
    at   timestamptz NOT NULL
);
INSERT INTO watches VALUES ('scopes', statement_timestamp()), ('findings', '-infinity');

-- A scope that was given lately cannot have been unused for long, whatever was found before.
CREATE FUNCTION scopes_granted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO scope_uses (key_id, scope, granted_at)
    SELECT NEW.id, given, statement_timestamp() FROM unnest(NEW.scopes) AS given
    WHERE given <> ALL (OLD.scopes) ORDER BY given
    ON CONFLICT (key_id, scope) DO UPDATE SET granted_at = EXCLUDED.granted_at;
    -- While an agent is just writing it, it stays until the next look: a change of a key waits for no advice.
    DELETE FROM findings WHERE kind = 'unused_scopes' AND key_id IN (
        SELECT key_id FROM findings WHERE key_id = NEW.id AND kind = 'unused_scopes' AND NOT scopes <@ OLD.scopes
        FOR UPDATE SKIP LOCKED);
    RETURN NULL;
END $$;
CREATE TRIGGER scopes_granted AFTER UPDATE OF scopes ON keys FOR EACH ROW
    WHEN (NOT NEW.scopes <@ OLD.scopes) EXECUTE FUNCTION scopes_granted();

-- A database that was set back has forgotten uses that no gate sends again. One row that nobody else holds for long:
-- ending an epoch must not wait.
CREATE FUNCTION watch_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE watches SET at = statement_timestamp() WHERE name = 'scopes';
    RETURN NULL;
END $$;
CREATE TRIGGER watch_again AFTER UPDATE OF epoch ON feed_clock FOR EACH ROW
    WHEN (OLD.epoch <> NEW.epoch) EXECUTE FUNCTION watch_again();

CREATE OR REPLACE FUNCTION usage_forget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM usage_marks WHERE key_id = OLD.id;
    DELETE FROM usage_hourly WHERE key_id = OLD.id;
    DELETE FROM usage_daily WHERE key_id = OLD.id;
    DELETE FROM usage_totals WHERE key_id = OLD.id;
    DELETE FROM scope_uses WHERE key_id = OLD.id;
    DELETE FROM findings WHERE key_id = OLD.id;
    RETURN NULL;
END $$;
