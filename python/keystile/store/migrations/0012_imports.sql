-- Keys whose secrets were made elsewhere, and came by an import.

-- Of an imported key: a hash of what the import said of it, so that the same line again is told from another one for
-- the same secret. NULL: the key was made here. It never changes.
ALTER TABLE keys ADD COLUMN imported_as bigint;

-- The peppers under which keys were imported, each by 64 bits of a hash that tells nothing of it. An imported key is
-- found again by what its secret is under that pepper: without it, an old file would bring back what was revoked.
CREATE TABLE import_peppers (fingerprint bigint PRIMARY KEY);

-- Of an imported secret the digest may be all that is known: then there is nothing to recognise it by.
ALTER TABLE keys
    DROP CONSTRAINT keys_start_check,
    DROP CONSTRAINT keys_last4_check,
    ADD CONSTRAINT keys_start_check CHECK (char_length(start) <= 8 AND (start <> '' OR imported_as IS NOT NULL)),
    ADD CONSTRAINT keys_last4_check CHECK (char_length(last4) = 4 OR (last4 = '' AND imported_as IS NOT NULL));

-- For imports and reports of leaks, which must find a secret also where it is the one before a rotation.
CREATE INDEX keys_by_previous_digest ON keys (previous_digest) WHERE previous_digest IS NOT NULL;

-- A gate must know that secrets of other shapes are in use.
DROP TRIGGER feed_key_changed ON keys;
CREATE CONSTRAINT TRIGGER feed_key_changed AFTER UPDATE ON keys
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.tenant, OLD.scopes, OLD.tier, OLD.digest, OLD.previous_digest, OLD.previous_secret_expires_at,
           OLD.expires_at, OLD.disabled, OLD.revoked_at IS NULL, OLD.imported_as IS NULL)
          IS DISTINCT FROM
          (NEW.tenant, NEW.scopes, NEW.tier, NEW.digest, NEW.previous_digest, NEW.previous_secret_expires_at,
           NEW.expires_at, NEW.disabled, NEW.revoked_at IS NULL, NEW.imported_as IS NULL))
    EXECUTE FUNCTION feed_key();

-- As keys_fit_catalogue, but for all rows of a statement at once: two look-ups for each row were half the cost of an
-- import. The catalogue's rows are locked in order before they are counted.
CREATE FUNCTION keys_added_fit_catalogue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM tiers WHERE name IN (SELECT tier FROM added) ORDER BY name FOR KEY SHARE;
    IF EXISTS (SELECT FROM added WHERE NOT EXISTS (SELECT FROM tiers WHERE name = added.tier)) THEN
        RAISE EXCEPTION 'there is no such tier' USING ERRCODE = 'foreign_key_violation';
    END IF;
    PERFORM 1 FROM scopes WHERE name IN (SELECT unnest(scopes) FROM added) ORDER BY name FOR KEY SHARE;
    IF EXISTS (SELECT FROM (SELECT DISTINCT scopes FROM added) AS sets
               WHERE (SELECT count(*) FROM scopes WHERE name = ANY (sets.scopes)) <> cardinality(sets.scopes)) THEN
        RAISE EXCEPTION 'a scope is not in the catalogue, or is given twice' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER keys_fit_catalogue_insert ON keys;
CREATE TRIGGER keys_fit_catalogue_insert AFTER INSERT ON keys REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION keys_added_fit_catalogue();
