-- The change feed. Every transaction that changes what a gate decides takes the next revision as its very last
-- step, by updating one row that it then holds until it commits: so revisions become visible in their own order,
-- without gaps, and a rolled-back transaction uses none up. Triggers do it, so a change made by hand counts too.

CREATE TABLE feed_clock (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch uuid NOT NULL DEFAULT gen_random_uuid(),
    rev   bigint NOT NULL DEFAULT 0
);
INSERT INTO feed_clock DEFAULT VALUES;

CREATE TABLE changes (
    rev  bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('key', 'catalogue')),
    ref  text NOT NULL,
    at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (rev, kind, ref)
);

-- The revision for this transaction's next change. Up to 1000 changes share one: a revision for each row would
-- update the clock's row so often within one transaction that a bulk import takes quadratic time. Which one is
-- in use is kept in a setting local to the transaction, so that rolling back to a savepoint takes back both.
CREATE FUNCTION feed_take() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    taken   bigint;
    changed integer := 1;
    mark    text[] := string_to_array(current_setting('keystile.feed', true), ':');
BEGIN
    IF mark[1] = pg_current_xact_id()::text AND mark[3]::integer < 1000 THEN
        taken := mark[2];
        changed := mark[3]::integer + 1;
    ELSE
        UPDATE feed_clock SET rev = rev + 1 RETURNING rev INTO STRICT taken;
        PERFORM pg_notify('keystile_feed', '');
    END IF;
    PERFORM set_config('keystile.feed', concat_ws(':', pg_current_xact_id(), taken, changed), true);
    RETURN taken;
END $$;

CREATE FUNCTION feed_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO changes (rev, kind, ref) VALUES (feed_take(), 'key', COALESCE(NEW.id, OLD.id))
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER feed_key_added_or_removed AFTER INSERT OR DELETE ON keys
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION feed_key();
CREATE CONSTRAINT TRIGGER feed_key_changed AFTER UPDATE ON keys
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.tenant, OLD.scopes, OLD.tier, OLD.digest, OLD.previous_digest, OLD.previous_secret_expires_at,
           OLD.expires_at, OLD.disabled, OLD.revoked_at IS NULL)
          IS DISTINCT FROM
          (NEW.tenant, NEW.scopes, NEW.tier, NEW.digest, NEW.previous_digest, NEW.previous_secret_expires_at,
           NEW.expires_at, NEW.disabled, NEW.revoked_at IS NULL))
    EXECUTE FUNCTION feed_key();

CREATE FUNCTION feed_catalogue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO changes (rev, kind, ref) VALUES (feed_take(), 'catalogue', TG_TABLE_NAME) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER feed_scope_added_or_removed AFTER INSERT OR DELETE ON scopes
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION feed_catalogue();
CREATE CONSTRAINT TRIGGER feed_scope_changed AFTER UPDATE ON scopes
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.name, OLD.position) IS DISTINCT FROM (NEW.name, NEW.position)) EXECUTE FUNCTION feed_catalogue();
CREATE CONSTRAINT TRIGGER feed_tier_added_or_removed AFTER INSERT OR DELETE ON tiers
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION feed_catalogue();
CREATE CONSTRAINT TRIGGER feed_tier_changed AFTER UPDATE ON tiers
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION feed_catalogue();

-- TRUNCATE runs no row triggers, so it ends the epoch: every gate loads everything again.
CREATE FUNCTION feed_restart() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE feed_clock SET epoch = gen_random_uuid();
    PERFORM pg_notify('keystile_feed', '');
    RETURN NULL;
END $$;
CREATE TRIGGER feed_keys_truncated AFTER TRUNCATE ON keys EXECUTE FUNCTION feed_restart();
CREATE TRIGGER feed_scopes_truncated AFTER TRUNCATE ON scopes EXECUTE FUNCTION feed_restart();
CREATE TRIGGER feed_tiers_truncated AFTER TRUNCATE ON tiers EXECUTE FUNCTION feed_restart();
