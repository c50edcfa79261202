DROP INDEX IF EXISTS idx_update_logs_subsystem;
ALTER TABLE update_logs DROP COLUMN IF EXISTS subsystem;
