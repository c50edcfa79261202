-- Tells commands that a person asked for from those that the scheduler made.

ALTER TABLE agent_commands
    ADD COLUMN IF NOT EXISTS source VARCHAR(20) NOT NULL DEFAULT 'manual' CHECK (source IN ('manual', 'system'));

CREATE INDEX IF NOT EXISTS idx_agent_commands_source ON agent_commands (source);
