-- The place of an event in commit order, by which history pages and live streams go on.
--
-- A sequence alone follows the order of inserts, not of commits: a reader could pass 7 while 6 is not yet
-- committed, and never see it. So whoever inserts events first announces the last position given before, by
-- a shared advisory lock held until the commit, and readers stop there. Gaps mean nothing.

ALTER TABLE system_events ADD COLUMN IF NOT EXISTS position BIGINT;

CREATE SEQUENCE IF NOT EXISTS system_events_position_seq AS BIGINT OWNED BY system_events.position;

-- Events from before there were positions: oldest first.
UPDATE system_events SET position = numbered.position
FROM (
    SELECT id, nextval('system_events_position_seq') AS position
    FROM (SELECT id FROM system_events WHERE position IS NULL ORDER BY created_at, id) AS oldest_first
) AS numbered
WHERE system_events.id = numbered.id;

ALTER TABLE system_events
    ALTER COLUMN position SET DEFAULT nextval('system_events_position_seq'),
    ALTER COLUMN position SET NOT NULL;

CREATE UNIQUE INDEX IF NOT EXISTS idx_system_events_position ON system_events (position);
CREATE INDEX IF NOT EXISTS idx_system_events_agent_position ON system_events (agent_id, position);
