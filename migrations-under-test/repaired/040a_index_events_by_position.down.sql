CREATE INDEX IF NOT EXISTS idx_system_events_agent_id ON system_events (agent_id);
CREATE INDEX IF NOT EXISTS idx_system_events_type ON system_events (event_type, event_subtype);
CREATE INDEX IF NOT EXISTS idx_system_events_severity ON system_events (severity);
CREATE INDEX IF NOT EXISTS idx_system_events_component ON system_events (component);

DROP INDEX IF EXISTS idx_system_events_type_position;
DROP INDEX IF EXISTS idx_system_events_subtype_position;
DROP INDEX IF EXISTS idx_system_events_severity_position;
DROP INDEX IF EXISTS idx_system_events_component_position;
