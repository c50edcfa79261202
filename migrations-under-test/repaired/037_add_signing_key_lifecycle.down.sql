-- The older release knows no revocation: a revoked key must at least not be active there.
UPDATE signing_keys SET is_active = FALSE, is_primary = FALSE WHERE revoked_at IS NOT NULL;

ALTER TABLE signing_keys
    DROP COLUMN IF EXISTS replaced_by,
    DROP COLUMN IF EXISTS revoked_reason,
    DROP COLUMN IF EXISTS revoked_by,
    DROP COLUMN IF EXISTS revoked_at,
    DROP COLUMN IF EXISTS valid_until,
    DROP COLUMN IF EXISTS valid_from,
    DROP COLUMN IF EXISTS sealed_private_key;
