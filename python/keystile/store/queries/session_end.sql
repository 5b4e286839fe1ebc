-- Ends one session and tells whose it was. Cost: one row.
DELETE FROM operator_sessions WHERE digest = $1 RETURNING operator_id
