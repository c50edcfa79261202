-- The timeout service looks through the commands of all agents for
--     status IN ('pending', 'sent') AND (sent_at < $1 OR created_at < $1)
-- Each side of the OR needs an index of its own for the two to be combined.

CREATE INDEX IF NOT EXISTS idx_agent_commands_status_sent_at ON agent_commands (status, sent_at);
CREATE INDEX IF NOT EXISTS idx_agent_commands_status_created_at ON agent_commands (status, created_at);
