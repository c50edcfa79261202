DROP INDEX IF EXISTS idx_agent_commands_source;
ALTER TABLE agent_commands DROP COLUMN IF EXISTS source;
