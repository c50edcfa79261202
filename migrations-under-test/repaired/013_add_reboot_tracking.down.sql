ALTER TABLE agents DROP COLUMN IF EXISTS reboot_reason;
ALTER TABLE agents DROP COLUMN IF EXISTS last_reboot_at;
ALTER TABLE agents DROP COLUMN IF EXISTS reboot_required;
