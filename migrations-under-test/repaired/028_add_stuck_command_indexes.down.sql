DROP INDEX IF EXISTS idx_agent_commands_status_created_at;
DROP INDEX IF EXISTS idx_agent_commands_status_sent_at;
