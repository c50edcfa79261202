ALTER TABLE agents DROP COLUMN IF EXISTS update_initiated_at;
ALTER TABLE agents DROP COLUMN IF EXISTS updating_to_version;
ALTER TABLE agents DROP COLUMN IF EXISTS is_updating;
DROP TABLE IF EXISTS agent_update_packages;
