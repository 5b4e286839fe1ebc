-- Makes the tiers of $1 exist with these rates and bursts in this order. Guarantee: rows already so are not
-- touched, so the feed stays quiet. Cost: at most 64 rows.
INSERT INTO tiers AS t (name, rate, burst, position)
SELECT name, rate, burst, position
FROM unnest($1::text[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS u (name, rate, burst, position)
ON CONFLICT (name) DO UPDATE SET rate = EXCLUDED.rate, burst = EXCLUDED.burst, position = EXCLUDED.position
WHERE (t.rate, t.burst, t.position) IS DISTINCT FROM (EXCLUDED.rate, EXCLUDED.burst, EXCLUDED.position)
