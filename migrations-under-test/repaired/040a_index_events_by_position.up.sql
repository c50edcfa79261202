-- Pages of the history go on by position, whatever they ask for. So each index for a condition ends with the
-- position: a page is read along it, and costs the same however many events meet the condition, and wherever.
--
-- What only led to the events of one agent, type, severity or component goes: the new ones begin with the same.

CREATE INDEX IF NOT EXISTS idx_system_events_type_position ON system_events (event_type, position);
CREATE INDEX IF NOT EXISTS idx_system_events_subtype_position ON system_events (event_subtype, position);
CREATE INDEX IF NOT EXISTS idx_system_events_severity_position ON system_events (severity, position);
CREATE INDEX IF NOT EXISTS idx_system_events_component_position ON system_events (component, position);

DROP INDEX IF EXISTS idx_system_events_agent_id;
DROP INDEX IF EXISTS idx_system_events_type;
DROP INDEX IF EXISTS idx_system_events_severity;
DROP INDEX IF EXISTS idx_system_events_component;
