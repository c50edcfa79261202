DROP INDEX CONCURRENTLY IF EXISTS idx_system_events_agent_id;
CREATE INDEX CONCURRENTLY idx_system_events_agent_id ON system_events (agent_id);
DROP INDEX CONCURRENTLY IF EXISTS idx_system_events_type;
CREATE INDEX CONCURRENTLY idx_system_events_type ON system_events (event_type, event_subtype);
DROP INDEX CONCURRENTLY IF EXISTS idx_system_events_severity;
CREATE INDEX CONCURRENTLY idx_system_events_severity ON system_events (severity);
DROP INDEX CONCURRENTLY IF EXISTS idx_system_events_component;
CREATE INDEX CONCURRENTLY idx_system_events_component ON system_events (component);

DROP INDEX CONCURRENTLY IF EXISTS idx_system_events_type_position;
DROP INDEX CONCURRENTLY IF EXISTS idx_system_events_subtype_position;
DROP INDEX CONCURRENTLY IF EXISTS idx_system_events_severity_position;
DROP INDEX CONCURRENTLY IF EXISTS idx_system_events_component_position;
