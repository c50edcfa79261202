-- Databases that ran 001 and 020 in an older release differ from new ones in two things: how identifiers
-- are made, and the policy of three foreign keys. A new database has both already and does not change.
--
-- The extension of the older release stays installed: other schemas of the database may use it.

ALTER TABLE agents ALTER COLUMN id SET DEFAULT gen_random_uuid();
ALTER TABLE agent_specs ALTER COLUMN id SET DEFAULT gen_random_uuid();
ALTER TABLE update_packages ALTER COLUMN id SET DEFAULT gen_random_uuid();
ALTER TABLE update_logs ALTER COLUMN id SET DEFAULT gen_random_uuid();
ALTER TABLE agent_commands ALTER COLUMN id SET DEFAULT gen_random_uuid();

ALTER TABLE security_settings DROP CONSTRAINT IF EXISTS security_settings_updated_by_fkey;
ALTER TABLE security_settings ADD CONSTRAINT security_settings_updated_by_fkey
    FOREIGN KEY (updated_by) REFERENCES users(id) ON DELETE RESTRICT;

ALTER TABLE security_settings_audit DROP CONSTRAINT IF EXISTS security_settings_audit_changed_by_fkey;
ALTER TABLE security_settings_audit ADD CONSTRAINT security_settings_audit_changed_by_fkey
    FOREIGN KEY (changed_by) REFERENCES users(id) ON DELETE RESTRICT;

ALTER TABLE security_incidents DROP CONSTRAINT IF EXISTS security_incidents_resolved_by_fkey;
ALTER TABLE security_incidents ADD CONSTRAINT security_incidents_resolved_by_fkey
    FOREIGN KEY (resolved_by) REFERENCES users(id) ON DELETE RESTRICT;
