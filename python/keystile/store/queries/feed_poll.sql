-- What changed after revision $1, at most about $2 changes, with the clock and the server's state.
-- Guarantee: one snapshot; a revision is covered whole or not at all; at least one row comes back.
-- Cost: one row when nothing changed; otherwise an index range of changes and one probe for each key in it.
WITH clock AS (
    SELECT epoch, rev, pg_is_in_recovery() AS replica FROM feed_clock
), news AS (
    SELECT rev, kind, ref FROM changes WHERE rev > $1::bigint
    ORDER BY rev FETCH FIRST ($2::bigint) ROWS WITH TIES
), covered AS (
    SELECT count(DISTINCT rev) AS revs_seen, CASE WHEN count(*) >= $2 THEN max(rev) END AS last_rev,
           COALESCE(bool_or(kind = 'catalogue'), false) AS catalogue_changed
    FROM news
), stamped AS MATERIALIZED (
    -- Once: a bulk of changes has a thousand under one revision, and there is a row for each of them.
    SELECT min(at) AS stamp FROM changes WHERE rev = (SELECT COALESCE(covered.last_rev, clock.rev) FROM clock, covered)
), touched AS (
    SELECT DISTINCT ref FROM news WHERE kind = 'key'
)
SELECT clock.epoch, clock.replica, clock_timestamp() AS now, clock.rev AS head,
       feed_timeline() AS timeline,
       COALESCE(covered.last_rev, clock.rev) AS rev, covered.revs_seen, covered.catalogue_changed,
       stamped.stamp,
       COALESCE((SELECT min(rev) FROM changes), clock.rev + 1) AS oldest_rev,
       touched.ref, k.id, k.tenant, k.digest, k.previous_digest, k.previous_secret_expires_at, k.scopes, k.tier,
       k.expires_at, k.disabled, k.revoked_at, k.imported_as IS NOT NULL AS imported
FROM clock
CROSS JOIN covered
CROSS JOIN stamped
LEFT JOIN touched ON true
LEFT JOIN keys k ON k.id = touched.ref
