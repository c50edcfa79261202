-- The older release knows no spent tokens and would take them again.
UPDATE refresh_tokens SET revoked = TRUE WHERE spent_at IS NOT NULL;

DROP INDEX IF EXISTS idx_refresh_tokens_family_id;
ALTER TABLE refresh_tokens
    DROP COLUMN IF EXISTS spent_at,
    DROP COLUMN IF EXISTS family_id;
