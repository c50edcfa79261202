ALTER TABLE current_package_state DROP CONSTRAINT IF EXISTS current_package_state_status_check;
ALTER TABLE current_package_state ALTER COLUMN status TYPE VARCHAR(20);
ALTER TABLE current_package_state ADD CONSTRAINT current_package_state_status_check
    CHECK (status IN ('pending', 'approved', 'installing', 'updated', 'failed', 'ignored'));

ALTER TABLE agent_commands DROP CONSTRAINT IF EXISTS agent_commands_status_check;
ALTER TABLE agent_commands ALTER COLUMN status TYPE VARCHAR(20);
ALTER TABLE agent_commands ADD CONSTRAINT agent_commands_status_check
    CHECK (status IN ('pending', 'sent', 'running', 'completed', 'failed', 'timed_out', 'cancelled'));
