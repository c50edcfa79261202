ALTER TABLE system_events
    ALTER COLUMN metadata DROP NOT NULL,
    ALTER COLUMN metadata DROP DEFAULT,
    ALTER COLUMN created_at DROP NOT NULL,
    DROP COLUMN IF EXISTS received_at;
