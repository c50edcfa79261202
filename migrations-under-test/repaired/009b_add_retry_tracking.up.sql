-- Links a retried command to the one that it repeats.

ALTER TABLE agent_commands ADD COLUMN IF NOT EXISTS retried_from_id UUID REFERENCES agent_commands(id) ON DELETE SET NULL;

CREATE INDEX IF NOT EXISTS idx_agent_commands_retried_from ON agent_commands (retried_from_id);
