-- Remembers the ids $2, with their times $3, of outcomes that tenant $1 reports; gives those that are new. Whoever calls
-- has its turn (outcome_turn). Cost: for each id one probe in each partition, of which there are a few.
INSERT INTO usage_outcomes (tenant, id, at)
SELECT DISTINCT ON (u.id) $1::text, u.id, u.at
FROM unnest($2::text[], $3::timestamptz[]) WITH ORDINALITY AS u (id, at, place)
WHERE NOT EXISTS (SELECT FROM usage_outcomes o WHERE o.tenant = $1 AND o.id = u.id)
ORDER BY u.id, u.place
RETURNING id
