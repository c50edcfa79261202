-- One machine, one agent.

CREATE UNIQUE INDEX IF NOT EXISTS idx_agents_machine_id ON agents (machine_id);
