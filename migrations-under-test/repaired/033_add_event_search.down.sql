DROP INDEX IF EXISTS idx_system_events_words;
DROP FUNCTION IF EXISTS system_event_words(TEXT, JSONB);
