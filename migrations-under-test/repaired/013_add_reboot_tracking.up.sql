-- Whether an agent's machine waits for a reboot.

ALTER TABLE agents ADD COLUMN IF NOT EXISTS reboot_required BOOLEAN DEFAULT FALSE;
ALTER TABLE agents ADD COLUMN IF NOT EXISTS last_reboot_at TIMESTAMP;
ALTER TABLE agents ADD COLUMN IF NOT EXISTS reboot_reason TEXT;
