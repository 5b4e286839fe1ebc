-- How often a gate refused one key over its last $2 dates (UTC), by code. Cost: $2 rows. The caller has checked the
-- tenant.
SELECT COALESCE(sum(rate_limited), 0)::bigint AS rate_limited,
       COALESCE(sum(insufficient_scope), 0)::bigint AS insufficient_scope,
       COALESCE(sum(revoked), 0)::bigint AS revoked_key,
       COALESCE(sum(disabled), 0)::bigint AS disabled_key,
       COALESCE(sum(expired), 0)::bigint AS expired_key
FROM usage_daily
WHERE key_id = $1 AND date > utc_today() - $2::integer AND date <= utc_today()
