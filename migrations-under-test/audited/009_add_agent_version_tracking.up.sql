-- Which version an agent runs, and whether a newer one exists.

ALTER TABLE agents ADD COLUMN current_version VARCHAR(50);
ALTER TABLE agents ADD COLUMN update_available BOOLEAN DEFAULT FALSE;
ALTER TABLE agents ADD COLUMN last_version_check TIMESTAMP;

CREATE INDEX idx_agents_update_available ON agents (update_available);
