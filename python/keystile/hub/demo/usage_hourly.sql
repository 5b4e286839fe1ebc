-- The latest hours of sample key $1.
INSERT INTO usage_hourly (key_id, hour, requests, client_errors, server_errors)
SELECT $1, hour, requests, client_errors, server_errors
FROM unnest($2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[])
     AS u (hour, requests, client_errors, server_errors)
