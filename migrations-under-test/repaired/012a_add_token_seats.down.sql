ALTER TABLE registration_tokens DROP COLUMN IF EXISTS seats_used;
ALTER TABLE registration_tokens DROP COLUMN IF EXISTS max_seats;
