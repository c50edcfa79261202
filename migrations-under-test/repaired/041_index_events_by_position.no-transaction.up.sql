-- Pages of the history go on by position, whatever they ask for. So each index for a condition ends with the
-- position: a page is read along it, and costs the same however many events meet the condition, and wherever.
--
-- What only led to the events of one agent, type, severity or component goes: the new ones begin with the same.
--
-- Built while the table is read and written. A build that is cut leaves an invalid index, so each begins anew.

DROP INDEX CONCURRENTLY IF EXISTS idx_system_events_type_position;
CREATE INDEX CONCURRENTLY idx_system_events_type_position ON system_events (event_type, position);
DROP INDEX CONCURRENTLY IF EXISTS idx_system_events_subtype_position;
CREATE INDEX CONCURRENTLY idx_system_events_subtype_position ON system_events (event_subtype, position);
DROP INDEX CONCURRENTLY IF EXISTS idx_system_events_severity_position;
CREATE INDEX CONCURRENTLY idx_system_events_severity_position ON system_events (severity, position);
DROP INDEX CONCURRENTLY IF EXISTS idx_system_events_component_position;
CREATE INDEX CONCURRENTLY idx_system_events_component_position ON system_events (component, position);

DROP INDEX CONCURRENTLY IF EXISTS idx_system_events_agent_id;
DROP INDEX CONCURRENTLY IF EXISTS idx_system_events_type;
DROP INDEX CONCURRENTLY IF EXISTS idx_system_events_severity;
DROP INDEX CONCURRENTLY IF EXISTS idx_system_events_component;
