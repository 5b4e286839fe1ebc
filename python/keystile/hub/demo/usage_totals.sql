-- All that sample key $1 was ever used.
INSERT INTO usage_totals (key_id, requests, client_errors, server_errors, last_used_at) VALUES ($1, $2, $3, $4, $5)
