-- Full-text search over what an event says and the details that it carries.
--
-- An index on an expression leaves the table as it is, where a generated column would rewrite it. The function
-- gives the expression one name, so that a query cannot miss the index by a different spelling:
--     WHERE system_event_words(message, metadata) @@ websearch_to_tsquery('simple', $1)
-- 'simple' because events hold names, versions and paths, which must not be stemmed.

CREATE OR REPLACE FUNCTION system_event_words(message TEXT, metadata JSONB) RETURNS TSVECTOR
LANGUAGE SQL IMMUTABLE PARALLEL SAFE
RETURN to_tsvector('simple', coalesce(message, ''))
    || jsonb_to_tsvector('simple', metadata, '["string", "numeric", "boolean", "key"]');

CREATE INDEX IF NOT EXISTS idx_system_events_words ON system_events USING GIN (system_event_words(message, metadata));
