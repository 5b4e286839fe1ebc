-- Adds what gate $1 has counted since its last flush. $2 to $11 are columns of cumulative counters, one row a key, and
-- $12 and $13 the last uses of its current secret and of one before, which never go back. If $14 is not the digest of
-- the current one, the gate has not yet heard of a rotation, and both are uses of secrets before.
-- Guarantee: sums and high-water marks change together, and only by what lies above the mark, so a repeated or
-- late flush adds nothing. Keys that no longer exist are left out. What is new is dated by the key's last use,
-- so counts that waited out an outage fall into the hour they belong to, never into the future; what is older than
-- $15 dates by hour and $16 by day, which are not kept, goes into the totals alone. There must be room for the rest.
-- $17 and $18 are keys and scopes that they used; the date is that of the key's last use.
-- Cost: a few probes and four rows for each key in use, whatever the number of requests, and a probe for each scope,
-- which is written once a day; findings that this refutes go, unless they are just being made. Keys are taken in
-- order, so two gates cannot deadlock.
WITH reported AS (
    SELECT u.key_id, max(u.requests) AS requests, max(u.client_errors) AS client_errors,
           max(u.server_errors) AS server_errors, max(u.rate_limited) AS rate_limited,
           max(u.insufficient_scope) AS insufficient_scope, max(u.revoked) AS revoked,
           max(u.disabled) AS disabled, max(u.expired) AS expired,
           LEAST(max(u.last_used_at), statement_timestamp()) AS last_used_at,
           max(LEAST(s.current_used_at, statement_timestamp()))
               FILTER (WHERE s.current_used_at IS NOT NULL) AS current_used_at,
           max(LEAST(s.previous_used_at, statement_timestamp()))
               FILTER (WHERE s.previous_used_at IS NOT NULL) AS previous_used_at
    FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
                $9::bigint[], $10::bigint[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[],
                $14::bytea[])
         AS u (key_id, requests, client_errors, server_errors, rate_limited, insufficient_scope, revoked, disabled,
               expired, last_used_at, current_used_at, previous_used_at, digest)
    JOIN keys ON keys.id = u.key_id
    CROSS JOIN LATERAL (
        SELECT CASE WHEN u.digest = keys.digest THEN u.current_used_at END AS current_used_at,
               CASE WHEN u.digest = keys.digest THEN u.previous_used_at
                    ELSE GREATEST(u.current_used_at, u.previous_used_at) END AS previous_used_at
    ) s
    GROUP BY u.key_id
), fresh AS (
    SELECT r.key_id, r.last_used_at, r.current_used_at, r.previous_used_at,
           COALESCE(r.last_used_at, statement_timestamp()) AS at,
           GREATEST(0, r.requests - COALESCE(m.requests, 0)) AS requests,
           GREATEST(0, r.client_errors - COALESCE(m.client_errors, 0)) AS client_errors,
           GREATEST(0, r.server_errors - COALESCE(m.server_errors, 0)) AS server_errors,
           GREATEST(0, r.rate_limited - COALESCE(m.rate_limited, 0)) AS rate_limited,
           GREATEST(0, r.insufficient_scope - COALESCE(m.insufficient_scope, 0)) AS insufficient_scope,
           GREATEST(0, r.revoked - COALESCE(m.revoked, 0)) AS revoked,
           GREATEST(0, r.disabled - COALESCE(m.disabled, 0)) AS disabled,
           GREATEST(0, r.expired - COALESCE(m.expired, 0)) AS expired
    FROM reported r
    LEFT JOIN usage_marks m ON m.gate_id = $1 AND m.key_id = r.key_id
), counted AS (
    SELECT * FROM fresh
    WHERE requests + client_errors + server_errors + rate_limited + insufficient_scope + revoked + disabled
          + expired > 0
), marks AS (
    INSERT INTO usage_marks AS m
    SELECT $1, key_id, requests, client_errors, server_errors, rate_limited, insufficient_scope, revoked, disabled,
           expired
    FROM reported ORDER BY key_id
    ON CONFLICT (gate_id, key_id) DO UPDATE
    SET requests = GREATEST(m.requests, EXCLUDED.requests),
        client_errors = GREATEST(m.client_errors, EXCLUDED.client_errors),
        server_errors = GREATEST(m.server_errors, EXCLUDED.server_errors),
        rate_limited = GREATEST(m.rate_limited, EXCLUDED.rate_limited),
        insufficient_scope = GREATEST(m.insufficient_scope, EXCLUDED.insufficient_scope),
        revoked = GREATEST(m.revoked, EXCLUDED.revoked),
        disabled = GREATEST(m.disabled, EXCLUDED.disabled),
        expired = GREATEST(m.expired, EXCLUDED.expired)
), hours AS (
    INSERT INTO usage_hourly AS h (key_id, hour, requests, client_errors, server_errors)
    SELECT key_id, date_trunc('hour', at, 'UTC'), requests, client_errors, server_errors
    FROM counted WHERE (at AT TIME ZONE 'UTC')::date > utc_today() - $15::integer ORDER BY key_id
    ON CONFLICT (key_id, hour) DO UPDATE
    SET requests = h.requests + EXCLUDED.requests,
        client_errors = h.client_errors + EXCLUDED.client_errors,
        server_errors = h.server_errors + EXCLUDED.server_errors
), days AS (
    INSERT INTO usage_daily AS d
    SELECT key_id, (at AT TIME ZONE 'UTC')::date, requests, client_errors, server_errors, rate_limited,
           insufficient_scope, revoked, disabled, expired
    FROM counted WHERE (at AT TIME ZONE 'UTC')::date > utc_today() - $16::integer ORDER BY key_id
    ON CONFLICT (key_id, date) DO UPDATE
    SET requests = d.requests + EXCLUDED.requests,
        client_errors = d.client_errors + EXCLUDED.client_errors,
        server_errors = d.server_errors + EXCLUDED.server_errors,
        rate_limited = d.rate_limited + EXCLUDED.rate_limited,
        insufficient_scope = d.insufficient_scope + EXCLUDED.insufficient_scope,
        revoked = d.revoked + EXCLUDED.revoked,
        disabled = d.disabled + EXCLUDED.disabled,
        expired = d.expired + EXCLUDED.expired
), uses AS (
    INSERT INTO scope_uses AS s (key_id, scope, used_on)
    SELECT u.key_id, u.scope, max(r.used_on)
    FROM unnest($17::text[], $18::text[]) AS u (key_id, scope)
    JOIN (SELECT key_id, (COALESCE(last_used_at, statement_timestamp()) AT TIME ZONE 'UTC')::date AS used_on
          FROM reported) r ON r.key_id = u.key_id
    LEFT JOIN scope_uses noted ON noted.key_id = u.key_id AND noted.scope = u.scope
    WHERE noted.used_on IS NULL OR noted.used_on < r.used_on
    GROUP BY u.key_id, u.scope ORDER BY u.key_id, u.scope
    ON CONFLICT (key_id, scope) DO UPDATE SET used_on = GREATEST(s.used_on, EXCLUDED.used_on)
    RETURNING s.key_id, s.scope
), refuted AS (
    DELETE FROM findings WHERE kind = 'unused_scopes' AND key_id IN (
        SELECT f.key_id FROM uses JOIN findings f ON f.key_id = uses.key_id AND uses.scope = ANY (f.scopes)
        WHERE f.kind = 'unused_scopes' ORDER BY f.key_id FOR UPDATE OF f SKIP LOCKED)
)
INSERT INTO usage_totals AS t (key_id, requests, client_errors, server_errors, last_used_at, current_used_at,
                               previous_used_at)
SELECT key_id, requests, client_errors, server_errors, last_used_at, current_used_at, previous_used_at
FROM fresh ORDER BY key_id
ON CONFLICT (key_id) DO UPDATE
SET requests = t.requests + EXCLUDED.requests,
    client_errors = t.client_errors + EXCLUDED.client_errors,
    server_errors = t.server_errors + EXCLUDED.server_errors,
    last_used_at = GREATEST(t.last_used_at, EXCLUDED.last_used_at),
    current_used_at = GREATEST(t.current_used_at, EXCLUDED.current_used_at),
    previous_used_at = GREATEST(t.previous_used_at, EXCLUDED.previous_used_at)
