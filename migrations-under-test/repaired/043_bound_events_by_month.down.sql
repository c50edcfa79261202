ALTER TABLE system_events DROP CONSTRAINT IF EXISTS system_events_bound_check;
