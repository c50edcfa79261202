DROP TABLE IF EXISTS system_events;
