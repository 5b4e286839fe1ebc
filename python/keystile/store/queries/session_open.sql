-- Opens a session of $3 seconds for operator $2, unless the operator is disabled or the password is no longer $4.
-- Sessions that are over are forgotten. Cost: the operator's sessions, one row each.
WITH operator AS (
    UPDATE operators SET last_signed_in_at = statement_timestamp()
    WHERE id = $2 AND NOT disabled AND password_hash = $4
    RETURNING id, tenant, email, role, password_hash IS NOT NULL AS has_password, disabled, created_at, created_by,
              last_signed_in_at
), over AS (
    DELETE FROM operator_sessions WHERE operator_id = $2 AND expires_at <= statement_timestamp()
), opened AS (
    INSERT INTO operator_sessions (digest, operator_id, expires_at)
    SELECT $1, id, statement_timestamp() + make_interval(secs => $3) FROM operator
)
SELECT * FROM operator
