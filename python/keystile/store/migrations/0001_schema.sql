-- Tenants, catalogue and keys. The checks mirror the public contract, so that no path can store what it forbids.

CREATE TABLE tenants (
    id         text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name       text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100 AND btrim(name) = name
                                    AND name !~ '[\u0001-\u001f\u007f-\u009f]'),
    home       boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT statement_timestamp()
);
-- At most one home tenant.
CREATE UNIQUE INDEX tenants_home ON tenants (home) WHERE home;

CREATE TABLE scopes (
    name     text PRIMARY KEY CHECK (name ~ '^[A-Za-z][A-Za-z0-9_-]{0,31}$'),
    grants   text NOT NULL,
    position integer NOT NULL
);

-- Rate: requests per minute. Burst: requests. A bucket must fill within 100 years, or its nanoseconds overflow.
CREATE TABLE tiers (
    name     text PRIMARY KEY CHECK (name ~ '^[A-Za-z][A-Za-z0-9_-]{0,31}$'),
    rate     bigint NOT NULL CHECK (rate BETWEEN 1 AND 1000000000),
    burst    bigint NOT NULL CHECK (burst BETWEEN 1 AND 1000000000),
    position integer NOT NULL,
    CHECK (burst * ceil(60000000000.0 / NULLIF(rate, 0)) <= 3153600000000000000)
);

CREATE TABLE keys (
    id                         text PRIMARY KEY CHECK (id ~ '^key_[0-7][0-9a-hjkmnp-tv-z]{25}$'),
    tenant                     text NOT NULL REFERENCES tenants (id),
    name                       text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100 AND btrim(name) = name
                                                    AND name !~ '[\u0001-\u001f\u007f-\u009f]'),
    start                      text NOT NULL CHECK (char_length(start) BETWEEN 1 AND 8),
    last4                      text NOT NULL CHECK (char_length(last4) = 4),
    scopes                     text[] NOT NULL CHECK (cardinality(scopes) <= 64),
    tier                       text NOT NULL,
    digest                     bytea NOT NULL UNIQUE CHECK (octet_length(digest) = 32),
    previous_digest            bytea CHECK (octet_length(previous_digest) = 32),
    previous_secret_expires_at timestamptz CHECK (isfinite(previous_secret_expires_at)),
    created_at                 timestamptz NOT NULL DEFAULT statement_timestamp(),
    created_by                 text NOT NULL,
    expires_at                 timestamptz CHECK (isfinite(expires_at)),
    disabled                   boolean NOT NULL DEFAULT false,
    revoked_at                 timestamptz,
    revoked_reason             text CHECK (char_length(revoked_reason) <= 2000),
    rotated_at                 timestamptz,
    note                       text CHECK (char_length(note) <= 5000),
    CHECK ((previous_digest IS NULL) = (previous_secret_expires_at IS NULL))
);
-- One index for each order that a page of keys can be read in directly.
CREATE INDEX keys_by_creation ON keys (tenant, created_at, id);
CREATE INDEX keys_by_name ON keys (tenant, lower(name), id);
CREATE INDEX keys_by_expiry ON keys (tenant, COALESCE(expires_at, 'infinity'), id);

-- A key's status now, in the order in which a gate refuses: revoked, disabled, expired.
CREATE FUNCTION key_status(revoked_at timestamptz, disabled boolean, expires_at timestamptz) RETURNS text
LANGUAGE sql STABLE
RETURN CASE WHEN revoked_at IS NOT NULL THEN 'revoked'
            WHEN disabled THEN 'disabled'
            WHEN expires_at <= statement_timestamp() THEN 'expired'
            ELSE 'active' END;

-- A revoked key stays revoked, and a key keeps its id, whoever writes.
CREATE FUNCTION keys_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a key keeps its id, and a revoked key stays revoked' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER keys_stay BEFORE UPDATE ON keys FOR EACH ROW
    WHEN (OLD.id <> NEW.id OR (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NULL)) EXECUTE FUNCTION keys_stay();

-- Stands in for foreign keys from keys to the catalogue: arrays cannot have one, and a key that is revoked must
-- not keep a tier from being removed. The row locks make it safe against a catalogue that shrinks meanwhile.
CREATE FUNCTION keys_fit_catalogue() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE found_scopes integer;
BEGIN
    PERFORM 1 FROM tiers WHERE name = NEW.tier FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such tier' USING ERRCODE = 'foreign_key_violation';
    END IF;
    PERFORM 1 FROM scopes WHERE name = ANY (NEW.scopes) ORDER BY name FOR KEY SHARE;
    GET DIAGNOSTICS found_scopes = ROW_COUNT;
    IF found_scopes <> cardinality(NEW.scopes) THEN
        RAISE EXCEPTION 'a scope is not in the catalogue, or is given twice' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keys_fit_catalogue_insert BEFORE INSERT ON keys FOR EACH ROW
    EXECUTE FUNCTION keys_fit_catalogue();
CREATE TRIGGER keys_fit_catalogue_update BEFORE UPDATE OF scopes, tier ON keys FOR EACH ROW
    WHEN (OLD.scopes IS DISTINCT FROM NEW.scopes OR OLD.tier <> NEW.tier) EXECUTE FUNCTION keys_fit_catalogue();
