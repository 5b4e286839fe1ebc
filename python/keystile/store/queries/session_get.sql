-- The operator whose session $1 is, and whether of the home tenant, if both are still good. Whoever ends a session,
-- disables an operator or changes a password is obeyed from the commit on. Cost: three index probes.
SELECT o.id, o.tenant, o.email, o.role, t.home
FROM operator_sessions s
JOIN operators o ON o.id = s.operator_id
JOIN tenants t ON t.id = o.tenant
WHERE s.digest = $1 AND s.expires_at > statement_timestamp() AND NOT o.disabled
