-- Every event has details (maybe none: {}), the time when it happened, and the time when the server took it.

ALTER TABLE system_events ADD COLUMN IF NOT EXISTS received_at TIMESTAMP WITH TIME ZONE;

UPDATE system_events SET created_at = NOW() WHERE created_at IS NULL;
UPDATE system_events SET received_at = created_at WHERE received_at IS NULL;
UPDATE system_events SET metadata = '{}' WHERE metadata IS NULL;

ALTER TABLE system_events
    ALTER COLUMN created_at SET NOT NULL,
    ALTER COLUMN received_at SET DEFAULT NOW(),
    ALTER COLUMN received_at SET NOT NULL,
    ALTER COLUMN metadata SET DEFAULT '{}',
    ALTER COLUMN metadata SET NOT NULL;
