DROP INDEX IF EXISTS idx_agent_commands_idempotency_key;
ALTER TABLE agent_commands DROP COLUMN IF EXISTS idempotency_key;
