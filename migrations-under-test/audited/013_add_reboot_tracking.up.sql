-- Whether an agent's machine waits for a reboot.

ALTER TABLE agents ADD COLUMN reboot_required BOOLEAN DEFAULT FALSE;
ALTER TABLE agents ADD COLUMN last_reboot_at TIMESTAMP;
ALTER TABLE agents ADD COLUMN reboot_reason TEXT;
