-- The timeout service looks through the commands of all agents for
--     status IN ('pending', 'sent') AND created_at < $1 ORDER BY created_at, id
-- (what was sent before a time was made before it, too). Few commands wait, and most old ones are done, which
-- statistics of single columns do not show: with an index on (status, created_at) the planner may still read all
-- that wait. So only those are in the index, in the order in which they are asked for.

CREATE INDEX IF NOT EXISTS idx_agent_commands_waiting
    ON agent_commands (created_at, id) WHERE status IN ('pending', 'sent');
