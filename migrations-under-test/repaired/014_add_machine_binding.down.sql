ALTER TABLE agents DROP CONSTRAINT IF EXISTS agents_machine_id_not_empty;
ALTER TABLE agents DROP COLUMN IF EXISTS public_key_fingerprint;
ALTER TABLE agents DROP COLUMN IF EXISTS machine_id;
