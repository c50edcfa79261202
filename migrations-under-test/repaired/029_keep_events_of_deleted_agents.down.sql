-- The key refuses ids of agents that are gone. Their events stay, without the id.
UPDATE system_events SET agent_id = NULL
WHERE agent_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM agents WHERE agents.id = system_events.agent_id);

ALTER TABLE system_events DROP CONSTRAINT IF EXISTS system_events_agent_id_fkey;
ALTER TABLE system_events ADD CONSTRAINT system_events_agent_id_fkey
    FOREIGN KEY (agent_id) REFERENCES agents(id) ON DELETE CASCADE;
