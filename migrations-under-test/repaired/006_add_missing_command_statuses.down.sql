-- The narrower check knows no more than these: each status becomes the nearest.
UPDATE agent_commands SET status = 'sent' WHERE status = 'running';
UPDATE agent_commands SET status = 'failed' WHERE status IN ('timed_out', 'cancelled');

ALTER TABLE agent_commands DROP CONSTRAINT IF EXISTS agent_commands_status_check;
ALTER TABLE agent_commands ADD CONSTRAINT agent_commands_status_check
    CHECK (status IN ('pending', 'sent', 'completed', 'failed'));
