-- An agent numbers its events from 1 in each of two lanes. Order holds in a lane, and a gap in it shows a loss.
-- Events of the server have neither lane nor number.

ALTER TABLE system_events
    ADD COLUMN IF NOT EXISTS lane VARCHAR(20),
    ADD COLUMN IF NOT EXISTS seq BIGINT;

ALTER TABLE system_events DROP CONSTRAINT IF EXISTS system_events_lane_check;
ALTER TABLE system_events ADD CONSTRAINT system_events_lane_check CHECK (lane IN ('critical', 'normal'));

ALTER TABLE system_events DROP CONSTRAINT IF EXISTS system_events_sequence_check;
ALTER TABLE system_events ADD CONSTRAINT system_events_sequence_check CHECK (
    (lane IS NULL AND seq IS NULL)
    OR (lane IS NOT NULL AND seq IS NOT NULL AND seq >= 1 AND agent_id IS NOT NULL)
);

CREATE UNIQUE INDEX IF NOT EXISTS idx_system_events_agent_lane_seq ON system_events (agent_id, lane, seq);
