-- Sets url, events, note and disabled of a webhook, in one tenant or (NULL) in any; $7 says why it is disabled, if
-- nobody did it. Guarantee: one that is enabled begins as if it had never failed. Cost: one row.
UPDATE webhooks
SET url             = $3,
    events          = $4::text[],
    note            = $5,
    disabled        = $6,
    disabled_reason = CASE WHEN $6 THEN $7::text END,
    failing_since   = CASE WHEN disabled AND NOT $6 THEN NULL ELSE failing_since END
WHERE id = $1 AND ($2::text IS NULL OR tenant = $2)
RETURNING id, tenant, url, events, note, disabled, disabled_reason, failing_since, created_at, created_by, rotated_at,
          CASE WHEN previous_secret_expires_at > statement_timestamp() THEN previous_secret_expires_at END
              AS previous_secret_expires_at
