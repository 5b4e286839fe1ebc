-- Usage: what each gate has reported so far, and the sums over all gates by hour, by day and for good.
-- No foreign keys: a flush must neither fail for a key that is gone nor lock the keys that it counts.

CREATE TABLE gates (
    id          bytea PRIMARY KEY CHECK (octet_length(id) = 16),
    machine     text NOT NULL,
    first_seen  timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen   timestamptz NOT NULL DEFAULT clock_timestamp(),
    applied_rev bigint NOT NULL DEFAULT 0
);

-- The high-water mark of every gate's cumulative counters: only what lies above it has not been added yet.
CREATE TABLE usage_marks (
    gate_id            bytea NOT NULL,
    key_id             text NOT NULL,
    requests           bigint NOT NULL,
    client_errors      bigint NOT NULL,
    server_errors      bigint NOT NULL,
    rate_limited       bigint NOT NULL,
    insufficient_scope bigint NOT NULL,
    revoked            bigint NOT NULL,
    disabled           bigint NOT NULL,
    expired            bigint NOT NULL,
    PRIMARY KEY (gate_id, key_id)
);
CREATE INDEX usage_marks_by_key ON usage_marks (key_id);

CREATE TABLE usage_hourly (
    key_id             text NOT NULL,
    hour               timestamptz NOT NULL,
    requests           bigint NOT NULL DEFAULT 0,
    client_errors      bigint NOT NULL DEFAULT 0,
    server_errors      bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (key_id, hour)
);

CREATE TABLE usage_daily (
    key_id             text NOT NULL,
    date               date NOT NULL,
    requests           bigint NOT NULL DEFAULT 0,
    client_errors      bigint NOT NULL DEFAULT 0,
    server_errors      bigint NOT NULL DEFAULT 0,
    rate_limited       bigint NOT NULL DEFAULT 0,
    insufficient_scope bigint NOT NULL DEFAULT 0,
    revoked            bigint NOT NULL DEFAULT 0,
    disabled           bigint NOT NULL DEFAULT 0,
    expired            bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (key_id, date)
);

CREATE TABLE usage_totals (
    key_id        text PRIMARY KEY,
    requests      bigint NOT NULL DEFAULT 0,
    client_errors bigint NOT NULL DEFAULT 0,
    server_errors bigint NOT NULL DEFAULT 0,
    last_used_at  timestamptz
);

-- Today in UTC, whatever the session's time zone.
CREATE FUNCTION utc_today() RETURNS date LANGUAGE sql STABLE
RETURN (statement_timestamp() AT TIME ZONE 'UTC')::date;

CREATE FUNCTION usage_forget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM usage_marks WHERE key_id = OLD.id;
    DELETE FROM usage_hourly WHERE key_id = OLD.id;
    DELETE FROM usage_daily WHERE key_id = OLD.id;
    DELETE FROM usage_totals WHERE key_id = OLD.id;
    RETURN NULL;
END $$;
CREATE TRIGGER usage_forget AFTER DELETE ON keys FOR EACH ROW EXECUTE FUNCTION usage_forget();
