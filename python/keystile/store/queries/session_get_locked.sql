-- The same as session_get, and nobody else can change the operator until this transaction ends, so that what the
-- operator may do cannot shrink meanwhile. Cost: three index probes, one row lock.
SELECT o.id, o.tenant, o.email, o.role, t.home
FROM operator_sessions s
JOIN operators o ON o.id = s.operator_id
JOIN tenants t ON t.id = o.tenant
WHERE s.digest = $1 AND s.expires_at > statement_timestamp() AND NOT o.disabled
FOR NO KEY UPDATE OF o
