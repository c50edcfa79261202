-- Events are an audit trail: they outlive the agent and keep its id. No foreign key can do both
-- (CASCADE erases the event, SET NULL erases the id, RESTRICT keeps the agent), so there is none.
-- The server takes events only with the token of an agent that exists.

ALTER TABLE system_events DROP CONSTRAINT IF EXISTS system_events_agent_id_fkey;
