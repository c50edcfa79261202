-- The first partition is the table again. Three of its indexes are built anew, and nobody reads or writes meanwhile.
-- What the older schema takes for one event is kept once.
DO $$
DECLARE
    older TEXT;
    adopted RECORD;
    bound TEXT;
BEGIN
    SELECT relname INTO older FROM pg_inherits JOIN pg_class ON oid = inhrelid
    WHERE inhparent = 'system_events'::regclass AND relname LIKE 'system\_events\_before\_%';
    IF older IS NULL THEN
        -- It was dropped with its events, and an empty one takes its place.
        older := 'system_events_before_none';
        CREATE TABLE system_events_before_none PARTITION OF system_events
            FOR VALUES FROM (MINVALUE) TO ('-infinity');
        CREATE UNIQUE INDEX system_events_before_none_agent_lane_seq
            ON system_events_before_none (agent_id, lane, seq);
    END IF;

    DROP INDEX idx_system_events_agent_lane_seq;
    EXECUTE format('ALTER INDEX %I RENAME TO idx_system_events_agent_lane_seq', older || '_agent_lane_seq');
    FOR adopted IN
        SELECT own.relname AS own, general.relname AS name
        FROM pg_index
        JOIN pg_inherits ON inhrelid = indexrelid
        JOIN pg_class own ON own.oid = inhrelid
        JOIN pg_class general ON general.oid = inhparent
        WHERE indrelid = older::regclass AND NOT indisunique
    LOOP
        EXECUTE format('ALTER INDEX %I RENAME TO %I', adopted.name, adopted.name || '_general');
        EXECUTE format('ALTER INDEX %I RENAME TO %I', adopted.own, adopted.name);
    END LOOP;

    ALTER TABLE system_events DETACH PARTITION system_events_default;
    EXECUTE format('ALTER TABLE system_events DETACH PARTITION %I', older);
    EXECUTE format('ALTER SEQUENCE system_events_position_seq OWNED BY %I.position', older);
    DROP TABLE system_events;
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', older, older || '_pkey');
    EXECUTE format('ALTER TABLE %I RENAME TO system_events', older);

    DELETE FROM system_events USING system_events AS first
    WHERE system_events.id = first.id AND system_events.position > first.position;
    ALTER TABLE system_events ADD CONSTRAINT system_events_pkey PRIMARY KEY (id);
    CREATE UNIQUE INDEX idx_system_events_id_created_at ON system_events (id, created_at);
    ALTER INDEX idx_system_events_position RENAME TO idx_system_events_by_position;
    CREATE UNIQUE INDEX idx_system_events_position ON system_events (position);

    SELECT pg_get_constraintdef(oid) INTO bound FROM pg_constraint
    WHERE conrelid = 'system_events'::regclass AND conname = 'system_events_bound_check';
    ALTER TABLE system_events DROP CONSTRAINT IF EXISTS system_events_bound_check;
    INSERT INTO system_events SELECT * FROM system_events_default ON CONFLICT DO NOTHING;
    DROP TABLE system_events_default;
    IF bound IS NOT NULL THEN
        EXECUTE format('ALTER TABLE system_events ADD CONSTRAINT system_events_bound_check %s NOT VALID', bound);
    END IF;
END
$$;
