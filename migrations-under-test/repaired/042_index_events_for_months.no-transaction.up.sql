-- What the events' table needs before it can be partitioned by month: a key that holds the time, and an
-- index on positions that promises no uniqueness, which no partitioned table could keep without the time.
--
-- Built while the table is read and written. A build that is cut leaves an invalid index, so each begins anew.

DROP INDEX CONCURRENTLY IF EXISTS idx_system_events_id_created_at;
CREATE UNIQUE INDEX CONCURRENTLY idx_system_events_id_created_at ON system_events (id, created_at);
DROP INDEX CONCURRENTLY IF EXISTS idx_system_events_by_position;
CREATE INDEX CONCURRENTLY idx_system_events_by_position ON system_events (position);
