-- The past of sample key $1 by date. $7 counts refusals for its status, which is $8.
INSERT INTO usage_daily (key_id, date, requests, client_errors, server_errors, rate_limited, revoked, disabled, expired)
SELECT $1, date, requests, client_errors, server_errors, rate_limited,
       CASE WHEN $8 = 'revoked' THEN refused ELSE 0 END,
       CASE WHEN $8 = 'disabled' THEN refused ELSE 0 END,
       CASE WHEN $8 = 'expired' THEN refused ELSE 0 END
FROM unnest($2::date[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
     AS u (date, requests, client_errors, server_errors, rate_limited, refused)
