-- Webhooks: where a tenant wants to be told of what becomes of its keys; and the outbox of what is to be told, which
-- triggers fill in the transaction of the change itself, so that a change made by hand counts too.
-- The outbox has no foreign keys: a change of a key must neither wait for a webhook that is just being removed, nor
-- fail because of it.

CREATE TABLE webhooks (
    id                         text PRIMARY KEY CHECK (id ~ '^wh_[0-7][0-9a-hjkmnp-tv-z]{25}$'),
    tenant                     text NOT NULL REFERENCES tenants (id),
    url                        text NOT NULL CHECK (char_length(url) BETWEEN 1 AND 2000),
    events                     text[] NOT NULL CHECK (cardinality(events) > 0 AND events <@ ARRAY[
        'key.created', 'key.rotated', 'key.revoked', 'key.expiring', 'key.limit_reached', 'key.unusual']),
    note                       text CHECK (char_length(note) <= 5000),
    disabled                   boolean NOT NULL DEFAULT false,
    -- Why, where nobody disabled it: nothing arrived for days, or the receiver said that it is gone.
    disabled_reason            text CHECK (disabled OR disabled_reason IS NULL),
    -- What deliveries are signed with, encrypted under a key that follows from the pepper.
    secret                     bytea NOT NULL,
    previous_secret            bytea,
    previous_secret_expires_at timestamptz,
    created_at                 timestamptz NOT NULL DEFAULT statement_timestamp(),
    created_by                 text NOT NULL,
    rotated_at                 timestamptz,
    -- Since when no attempt has succeeded; NULL: the last one did.
    failing_since              timestamptz,
    CHECK ((previous_secret IS NULL) = (previous_secret_expires_at IS NULL))
) WITH (fillfactor = 80);
CREATE INDEX webhooks_by_tenant ON webhooks (tenant, created_at, id);

CREATE TABLE webhook_deliveries (
    -- What the receiver sees as `webhook-id`, the same at each attempt.
    id              text PRIMARY KEY DEFAULT 'msg_' || replace(gen_random_uuid()::text, '-', ''),
    -- The order of what happened to one key: whoever changes a key holds it until the change is committed.
    seq             bigint GENERATED ALWAYS AS IDENTITY,
    webhook_id      text NOT NULL,
    tenant          text NOT NULL,
    -- NULL: about no key, and in no order.
    key_id          text,
    event           text NOT NULL,
    payload         text NOT NULL,
    status          text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'delivered', 'failed')),
    -- When to try next; while it is being tried, when that attempt counts as lost.
    due_at          timestamptz NOT NULL DEFAULT statement_timestamp(),
    trying          boolean NOT NULL DEFAULT false,
    -- All that were begun; what an attempt reports counts only while its number stands here.
    attempts        integer NOT NULL DEFAULT 0,
    -- Those that failed, since the delivery was made or asked for again.
    failures        integer NOT NULL DEFAULT 0,
    last_attempt_at timestamptz,
    last_status     integer,
    last_error      text,
    created_at      timestamptz NOT NULL DEFAULT statement_timestamp(),
    ended_at        timestamptz,
    CHECK ((status = 'waiting') = (ended_at IS NULL))
) WITH (fillfactor = 80);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, due_at, seq) WHERE status = 'waiting';
CREATE INDEX webhook_deliveries_urgent ON webhook_deliveries (webhook_id, due_at, seq)
    WHERE status = 'waiting' AND event = 'key.revoked';
CREATE INDEX webhook_deliveries_in_order ON webhook_deliveries (webhook_id, key_id, seq) WHERE status = 'waiting';
CREATE INDEX webhook_deliveries_of ON webhook_deliveries (webhook_id, seq);
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (ended_at) WHERE ended_at IS NOT NULL;

-- What was told because of the time: `mark` is the expiry, the date or the beginning that it was about.
CREATE TABLE webhook_notices (
    webhook_id text NOT NULL,
    key_id     text NOT NULL,
    event      text NOT NULL,
    mark       timestamptz NOT NULL,
    at         timestamptz NOT NULL DEFAULT statement_timestamp(),
    PRIMARY KEY (webhook_id, event, key_id, mark)
);
CREATE INDEX webhook_notices_by_age ON webhook_notices (at);

ALTER TABLE watches DROP CONSTRAINT watches_name_check;
ALTER TABLE watches ADD CONSTRAINT watches_name_check CHECK (name IN ('scopes', 'findings', 'notices'));
INSERT INTO watches VALUES ('notices', '-infinity');

-- As the API writes times, whatever the session's time zone.
CREATE FUNCTION webhook_time(at timestamptz) RETURNS text LANGUAGE sql STABLE
RETURN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- A key as the API shows it.
CREATE FUNCTION webhook_key(k keys) RETURNS jsonb LANGUAGE sql STABLE
RETURN jsonb_build_object(
    'id', k.id, 'tenant', k.tenant, 'name', k.name, 'start', k.start, 'last4', k.last4, 'scopes', to_jsonb(k.scopes),
    'tier', k.tier, 'status', key_status(k.revoked_at, k.disabled, k.expires_at),
    'created_at', webhook_time(k.created_at), 'created_by', k.created_by, 'expires_at', webhook_time(k.expires_at),
    'revoked_at', webhook_time(k.revoked_at), 'revoked_reason', k.revoked_reason, 'disabled', k.disabled,
    'rotated_at', webhook_time(k.rotated_at),
    'previous_secret_expires_at', webhook_time(k.previous_secret_expires_at), 'note', k.note);

-- What is sent of an event of a key; `more` stands beside the key.
CREATE FUNCTION webhook_payload(event text, k keys, more jsonb DEFAULT '{}') RETURNS text LANGUAGE sql STABLE
RETURN jsonb_build_object('type', event, 'timestamp', webhook_time(statement_timestamp()),
                          'data', jsonb_build_object('key', webhook_key(k)) || more)::text;

CREATE FUNCTION webhook_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Asked first, because beginning to write costs more than finding out that there is nothing to.
    IF EXISTS (SELECT FROM webhooks w WHERE w.tenant = NEW.tenant) THEN
        INSERT INTO webhook_deliveries (webhook_id, tenant, key_id, event, payload)
        SELECT w.id, w.tenant, NEW.id, TG_ARGV[0], webhook_payload(TG_ARGV[0], NEW)
        FROM webhooks w
        WHERE w.tenant = NEW.tenant AND NOT w.disabled AND TG_ARGV[0] = ANY (w.events) ORDER BY w.id;
        IF FOUND THEN
            PERFORM pg_notify('keystile_webhooks', '');
        END IF;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER webhook_key_created AFTER INSERT ON keys FOR EACH ROW
    EXECUTE FUNCTION webhook_tell('key.created');
CREATE TRIGGER webhook_key_rotated AFTER UPDATE ON keys FOR EACH ROW
    WHEN (OLD.digest <> NEW.digest) EXECUTE FUNCTION webhook_tell('key.rotated');
CREATE TRIGGER webhook_key_revoked AFTER UPDATE ON keys FOR EACH ROW
    WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION webhook_tell('key.revoked');
