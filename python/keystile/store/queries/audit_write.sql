-- Adds one row of the trail. Cost: one row, four indexes.
INSERT INTO audit (actor, tenant, action, target, detail, request_id)
VALUES ($1, $2, $3, $4, $5::text::jsonb, $6)
RETURNING id
