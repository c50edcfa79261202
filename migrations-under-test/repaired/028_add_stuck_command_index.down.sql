DROP INDEX IF EXISTS idx_agent_commands_waiting;
