-- One token can register several agents.

ALTER TABLE registration_tokens ADD COLUMN IF NOT EXISTS max_seats INTEGER NOT NULL DEFAULT 1;
ALTER TABLE registration_tokens ADD COLUMN IF NOT EXISTS seats_used INTEGER NOT NULL DEFAULT 0;

-- A token from before there were seats has used its only one.
UPDATE registration_tokens SET seats_used = 1 WHERE status = 'used' AND seats_used = 0;
