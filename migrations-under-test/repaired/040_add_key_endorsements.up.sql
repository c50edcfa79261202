-- A new signing key is vouched for by the one before it: an agent that trusts the old key can follow to the new
-- one without trusting the network.

ALTER TABLE signing_keys
    ADD COLUMN IF NOT EXISTS endorsed_by VARCHAR(64),
    ADD COLUMN IF NOT EXISTS endorsement VARCHAR(128);
