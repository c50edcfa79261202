ALTER TABLE agents DROP COLUMN IF EXISTS registration_proof_hash;
