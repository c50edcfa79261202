-- The history page reads logs newest first, for one agent or for all.

CREATE INDEX IF NOT EXISTS idx_update_logs_executed_at ON update_logs (executed_at DESC);
CREATE INDEX IF NOT EXISTS idx_update_logs_agent_executed ON update_logs (agent_id, executed_at DESC);
