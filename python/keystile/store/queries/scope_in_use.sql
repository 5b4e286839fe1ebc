-- One of the scopes $1 that a key still holds which is not revoked. Cost: the whole table; asked only on removal.
SELECT scope FROM keys, unnest(scopes) AS scope WHERE revoked_at IS NULL AND scope = ANY ($1::text[]) LIMIT 1
