-- When each of a key's two secrets was used last. NULL: not since gates report it. Which secret was the current one
-- then, `rotated_at` tells: an older use of "the current one" was of a secret that has gone since.
ALTER TABLE usage_totals ADD COLUMN current_used_at timestamptz, ADD COLUMN previous_used_at timestamptz;
