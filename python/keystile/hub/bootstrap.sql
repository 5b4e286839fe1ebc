-- Whether the first Hub key is still live, and whether a digest ($1, null for none) belongs to any key.
-- One row; two index probes at most for the digest, a scan of the keys for the other, once at each start.
SELECT EXISTS (SELECT 1 FROM keys WHERE created_by = 'bootstrap' AND revoked_at IS NULL) AS live,
       EXISTS (SELECT 1 FROM keys WHERE digest = $1 OR previous_digest = $1) AS known
