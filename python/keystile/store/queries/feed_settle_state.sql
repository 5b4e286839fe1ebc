-- Notes that every lease given before this epoch and timeline has ended. Cost: one row, once for each.
UPDATE feed_state SET settled_epoch = $1, settled_timeline = $2
WHERE (settled_epoch, settled_timeline) IS DISTINCT FROM ($1::uuid, $2::bigint)
