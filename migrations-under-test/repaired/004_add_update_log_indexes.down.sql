DROP INDEX IF EXISTS idx_update_logs_agent_executed;
DROP INDEX IF EXISTS idx_update_logs_executed_at;
