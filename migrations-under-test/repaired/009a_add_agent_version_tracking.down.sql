DROP INDEX IF EXISTS idx_agents_update_available;
ALTER TABLE agents DROP COLUMN IF EXISTS last_version_check;
ALTER TABLE agents DROP COLUMN IF EXISTS update_available;
ALTER TABLE agents DROP COLUMN IF EXISTS current_version;
