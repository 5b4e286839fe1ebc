-- Ends all sessions of an operator, and takes back the link, if there is one. Cost: a few rows.
WITH link AS (DELETE FROM operator_links WHERE operator_id = $1)
DELETE FROM operator_sessions WHERE operator_id = $1
