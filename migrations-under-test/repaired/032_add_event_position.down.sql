DROP INDEX IF EXISTS idx_system_events_agent_position;
DROP INDEX IF EXISTS idx_system_events_position;
-- Its sequence goes with the column that owns it.
ALTER TABLE system_events DROP COLUMN IF EXISTS position;
