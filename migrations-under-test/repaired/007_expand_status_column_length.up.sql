-- Room for longer status names.
--
-- The check is made anew around the change: PostgreSQL would keep it, but reworded for the new type,
-- and no down file of a later migration could bring that wording back.

ALTER TABLE agent_commands DROP CONSTRAINT IF EXISTS agent_commands_status_check;
ALTER TABLE agent_commands ALTER COLUMN status TYPE VARCHAR(30);
ALTER TABLE agent_commands ADD CONSTRAINT agent_commands_status_check
    CHECK (status IN ('pending', 'sent', 'running', 'completed', 'failed', 'timed_out', 'cancelled'));

ALTER TABLE current_package_state ALTER COLUMN status TYPE VARCHAR(30);
