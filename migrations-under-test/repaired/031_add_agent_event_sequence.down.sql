DROP INDEX IF EXISTS idx_system_events_agent_lane_seq;
ALTER TABLE system_events DROP CONSTRAINT IF EXISTS system_events_sequence_check;
ALTER TABLE system_events DROP CONSTRAINT IF EXISTS system_events_lane_check;
ALTER TABLE system_events
    DROP COLUMN IF EXISTS seq,
    DROP COLUMN IF EXISTS lane;
