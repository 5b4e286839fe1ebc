-- Finds the keys of all tenants that used some of their scopes within $1 days, and others neither then nor on the date
-- before. A key that passes with no scope in particular, or not at all, is left alone, and so is one that holds $2:
-- it needs its scopes to give them to others.
-- Guarantee: nothing is said of a scope before uses were noted, and it was held, for that long; only differences are
-- written, at the end. Cost: a row for each scope of each key, once.
WITH held AS (
    SELECT k.id, k.tenant, k.created_at, h.scope, h.place
    FROM keys k
    CROSS JOIN LATERAL unnest(k.scopes) WITH ORDINALITY AS h (scope, place)
    WHERE k.revoked_at IS NULL AND k.created_at <= statement_timestamp() - $1::integer * interval '1 day'
      AND $2::text <> ALL (k.scopes) AND cardinality(k.scopes) > 1
      AND (SELECT at FROM watches WHERE name = 'scopes') <= statement_timestamp() - $1::integer * interval '1 day'
), judged AS (
    SELECT held.id, held.tenant, held.created_at, held.scope, held.place, u.used_on >= utc_today() - $1::integer AS used,
           (u.used_on IS NULL OR u.used_on < utc_today() - $1::integer)
           AND (u.granted_at IS NULL OR u.granted_at <= statement_timestamp() - $1::integer * interval '1 day') AS quiet,
           GREATEST(held.created_at, u.granted_at, u.used_on::timestamp AT TIME ZONE 'UTC') AS since
    FROM held
    LEFT JOIN scope_uses u ON u.key_id = held.id AND u.scope = held.scope
), found AS MATERIALIZED (
    SELECT id AS key_id, tenant, created_at, min(since) FILTER (WHERE quiet) AS since,
           array_agg(scope ORDER BY place) FILTER (WHERE quiet) AS scopes
    FROM judged
    GROUP BY id, tenant, created_at
    HAVING bool_or(used) AND bool_or(quiet)
), over AS (
    DELETE FROM findings f
    WHERE kind = 'unused_scopes' AND NOT EXISTS (SELECT FROM found WHERE found.key_id = f.key_id)
)
INSERT INTO findings AS f (key_id, kind, tenant, created_at, since, scopes)
SELECT key_id, 'unused_scopes', tenant, created_at, since, scopes FROM found ORDER BY key_id
ON CONFLICT (key_id, kind) DO UPDATE SET since = EXCLUDED.since, scopes = EXCLUDED.scopes
WHERE (f.since, f.scopes) IS DISTINCT FROM (EXCLUDED.since, EXCLUDED.scopes)
