-- Rotation with an overlap, and revocation. A key verifies from valid_from until valid_until (open while null)
-- unless it is revoked. The private half is stored sealed only, under a key that is kept outside the database.

ALTER TABLE signing_keys
    ADD COLUMN IF NOT EXISTS sealed_private_key BYTEA,
    ADD COLUMN IF NOT EXISTS valid_from TIMESTAMP WITH TIME ZONE,
    ADD COLUMN IF NOT EXISTS valid_until TIMESTAMP WITH TIME ZONE,
    ADD COLUMN IF NOT EXISTS revoked_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN IF NOT EXISTS revoked_by UUID,
    ADD COLUMN IF NOT EXISTS revoked_reason TEXT,
    ADD COLUMN IF NOT EXISTS replaced_by VARCHAR(64);

UPDATE signing_keys SET valid_from = created_at WHERE valid_from IS NULL;

ALTER TABLE signing_keys
    ALTER COLUMN valid_from SET DEFAULT NOW(),
    ALTER COLUMN valid_from SET NOT NULL;

ALTER TABLE signing_keys DROP CONSTRAINT IF EXISTS signing_keys_revoked_by_fkey;
ALTER TABLE signing_keys ADD CONSTRAINT signing_keys_revoked_by_fkey
    FOREIGN KEY (revoked_by) REFERENCES users(id) ON DELETE RESTRICT;

ALTER TABLE signing_keys DROP CONSTRAINT IF EXISTS signing_keys_replaced_by_fkey;
ALTER TABLE signing_keys ADD CONSTRAINT signing_keys_replaced_by_fkey
    FOREIGN KEY (replaced_by) REFERENCES signing_keys(key_id) ON DELETE SET NULL;
