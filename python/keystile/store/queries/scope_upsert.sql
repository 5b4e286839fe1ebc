-- Makes the scopes of $1 (with $2 in words) exist in this order. Guarantee: rows already so are not touched, so
-- the feed stays quiet. Cost: at most 64 rows.
INSERT INTO scopes AS s (name, grants, position)
SELECT name, grants, position FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS u (name, grants, position)
ON CONFLICT (name) DO UPDATE SET grants = EXCLUDED.grants, position = EXCLUDED.position
WHERE (s.grants, s.position) IS DISTINCT FROM (EXCLUDED.grants, EXCLUDED.position)
