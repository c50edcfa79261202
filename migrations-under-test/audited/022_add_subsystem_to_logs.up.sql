-- Which subsystem wrote a log.

ALTER TABLE update_logs ADD COLUMN IF NOT EXISTS subsystem VARCHAR(50);

CREATE INDEX IF NOT EXISTS idx_update_logs_subsystem ON update_logs (agent_id, subsystem);
