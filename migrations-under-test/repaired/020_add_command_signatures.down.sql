DROP TABLE IF EXISTS security_incidents;
DROP TABLE IF EXISTS security_settings_audit;
DROP TABLE IF EXISTS security_settings;
ALTER TABLE agent_commands DROP COLUMN IF EXISTS signature;
DROP TABLE IF EXISTS signing_keys;
