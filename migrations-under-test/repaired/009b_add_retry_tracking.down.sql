DROP INDEX IF EXISTS idx_agent_commands_retried_from;
ALTER TABLE agent_commands DROP COLUMN IF EXISTS retried_from_id;
