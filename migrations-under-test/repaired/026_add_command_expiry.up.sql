-- After this time a command must not be carried out any more.

ALTER TABLE agent_commands ADD COLUMN IF NOT EXISTS expires_at TIMESTAMP WITH TIME ZONE;

CREATE INDEX IF NOT EXISTS idx_agent_commands_expires_at ON agent_commands (expires_at) WHERE expires_at IS NOT NULL;

-- Commands that wait already get a generous day.
UPDATE agent_commands SET expires_at = created_at + INTERVAL '24 hours'
WHERE expires_at IS NULL AND status = 'pending';
