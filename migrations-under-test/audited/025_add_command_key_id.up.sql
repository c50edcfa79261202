-- Which key signed a command, and when.

ALTER TABLE agent_commands ADD COLUMN IF NOT EXISTS key_id VARCHAR(64);
ALTER TABLE agent_commands ADD COLUMN IF NOT EXISTS signed_at TIMESTAMP WITH TIME ZONE;

CREATE INDEX IF NOT EXISTS idx_agent_commands_key_id ON agent_commands (key_id);
