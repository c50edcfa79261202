-- Binds an agent to the machine that it was registered on.

ALTER TABLE agents ADD COLUMN machine_id VARCHAR(128);
ALTER TABLE agents ADD COLUMN public_key_fingerprint VARCHAR(64);

ALTER TABLE agents ADD CONSTRAINT agents_machine_id_not_empty CHECK (machine_id <> '');
