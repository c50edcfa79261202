-- Which version an agent runs, and whether a newer one exists.

ALTER TABLE agents ADD COLUMN IF NOT EXISTS current_version VARCHAR(50);
ALTER TABLE agents ADD COLUMN IF NOT EXISTS update_available BOOLEAN DEFAULT FALSE;
ALTER TABLE agents ADD COLUMN IF NOT EXISTS last_version_check TIMESTAMP;

CREATE INDEX IF NOT EXISTS idx_agents_update_available ON agents (update_available);
