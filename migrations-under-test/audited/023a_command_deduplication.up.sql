-- Asking twice for one thing makes one command.

ALTER TABLE agent_commands ADD COLUMN IF NOT EXISTS idempotency_key VARCHAR(100);

CREATE UNIQUE INDEX IF NOT EXISTS idx_agent_commands_idempotency_key
    ON agent_commands (agent_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
