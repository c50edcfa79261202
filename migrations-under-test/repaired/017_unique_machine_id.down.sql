DROP INDEX IF EXISTS idx_agents_machine_id;
