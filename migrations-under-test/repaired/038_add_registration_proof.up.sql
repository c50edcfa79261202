-- An agent makes a secret before it registers and shows it when it registers again: so it can ask
-- once more for an answer that was lost on the way. Only the secret's SHA-256 is kept, in
-- hexadecimal digits. Agents from before have none, and cannot register twice.

ALTER TABLE agents ADD COLUMN IF NOT EXISTS registration_proof_hash VARCHAR(64);
