-- Adds rows of the trail for one action $2 of one actor $1 in request $3: tenants, targets and details are arrays.
-- Cost: as many rows, five indexes.
INSERT INTO audit (actor, tenant, action, target, detail, request_id)
SELECT $1, u.tenant, $2, u.target, u.detail::jsonb, $3
FROM unnest($4::text[], $5::text[], $6::text[]) AS u (tenant, target, detail)
