DROP INDEX CONCURRENTLY IF EXISTS idx_system_events_by_position;
DROP INDEX CONCURRENTLY IF EXISTS idx_system_events_id_created_at;
