-- Uses a link up: of two that try at once, the second gets no row. Cost: one row.
DELETE FROM operator_links WHERE digest = $1 AND expires_at > statement_timestamp()
RETURNING operator_id
