-- A secret that somebody reports may be the one from before a rotation; the present ones are unique, and have an index.
CREATE INDEX keys_by_previous_digest ON keys (previous_digest) WHERE previous_digest IS NOT NULL;
