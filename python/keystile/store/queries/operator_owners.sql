-- The owners of tenant $1 who can sign in, locked in order: of two that end each other, the second sees the first.
-- Cost: the tenant's operators.
SELECT id FROM operators
WHERE tenant = $1 AND role = 'owner' AND NOT disabled
ORDER BY id
FOR NO KEY UPDATE
