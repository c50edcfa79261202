-- The table becomes the first partition of its successor: to delete a month is to drop a table from now on.
--
-- The rows are read once, while others read and write. Then every index is adopted, nothing is read or copied, and
-- the others wait for some milliseconds. If this has to wait for them too long, it gives up and is tried again.
--
-- The time is part of the key, as in every partitioned table. An event that is sent again has the same time, so
-- it is found; an agent's own numbering is unique within a partition.

SET LOCAL lock_timeout = '2s';

-- For the times that no other partition holds.
CREATE TABLE IF NOT EXISTS system_events_default
    (LIKE system_events INCLUDING DEFAULTS INCLUDING CONSTRAINTS, PRIMARY KEY (id, created_at));
ALTER TABLE system_events_default DROP CONSTRAINT IF EXISTS system_events_bound_check;

-- Others read and write meanwhile.
DO $$
DECLARE
    bound TIMESTAMP WITH TIME ZONE;
    general TEXT;
BEGIN
    SELECT substring(pg_get_constraintdef(oid) FROM '''([^'']+)''') INTO bound FROM pg_constraint
    WHERE conrelid = 'system_events'::regclass AND conname = 'system_events_bound_check';
    IF bound IS NULL THEN
        RETURN;
    END IF;
    WITH beyond AS (DELETE FROM system_events WHERE created_at >= bound RETURNING *)
    INSERT INTO system_events_default SELECT * FROM beyond;
    -- What else would be done while others wait: indexes that the successor adopts, and the proof that no row of
    -- another partition is here.
    FOR general IN
        SELECT substring(pg_get_indexdef(indexrelid) FROM ' USING .*') FROM pg_index
        WHERE indrelid = 'system_events'::regclass AND NOT indisunique ORDER BY indexrelid::regclass::text
    LOOP
        EXECUTE format('CREATE INDEX ON system_events_default %s', general);
    END LOOP;
    CREATE UNIQUE INDEX system_events_default_agent_lane_seq ON system_events_default (agent_id, lane, seq);
    EXECUTE format('ALTER TABLE system_events_default ADD CONSTRAINT system_events_beyond_check '
                   'CHECK (created_at >= %L)', bound);
    ALTER TABLE system_events VALIDATE CONSTRAINT system_events_bound_check;
END
$$;

-- Others wait from here on.
DO $$
DECLARE
    bound TIMESTAMP WITH TIME ZONE;
    older TEXT;
    adopted RECORD;
BEGIN
    SELECT substring(pg_get_constraintdef(oid) FROM '''([^'']+)''') INTO bound FROM pg_constraint
    WHERE conrelid = 'system_events'::regclass AND conname = 'system_events_bound_check';
    IF bound IS NULL THEN
        RETURN;
    END IF;
    older := 'system_events_before_' || to_char(bound AT TIME ZONE 'UTC', 'YYYY_MM');

    ALTER TABLE system_events DROP CONSTRAINT system_events_pkey;
    DROP INDEX idx_system_events_position;
    ALTER INDEX idx_system_events_by_position RENAME TO idx_system_events_position;
    EXECUTE format('ALTER TABLE system_events RENAME TO %I', older);
    EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I PRIMARY KEY USING INDEX idx_system_events_id_created_at',
                   older, older || '_pkey');
    EXECUTE format('ALTER INDEX idx_system_events_agent_lane_seq RENAME TO %I', older || '_agent_lane_seq');

    EXECUTE format('CREATE TABLE system_events (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS, '
                   'CONSTRAINT system_events_pkey PRIMARY KEY (id, created_at)) PARTITION BY RANGE (created_at)',
                   older);
    ALTER TABLE system_events DROP CONSTRAINT system_events_bound_check;
    ALTER SEQUENCE system_events_position_seq OWNED BY system_events.position;
    FOR adopted IN
        SELECT relname AS name, substring(pg_get_indexdef(oid) FROM ' USING .*') AS definition
        FROM pg_index JOIN pg_class ON oid = indexrelid
        WHERE indrelid = older::regclass AND NOT indisunique ORDER BY relname
    LOOP
        EXECUTE format('ALTER INDEX %I RENAME TO %I', adopted.name,
                       older || substring(adopted.name FROM '^idx_system_events(_.*)$'));
        EXECUTE format('CREATE INDEX %I ON system_events %s', adopted.name, adopted.definition);
    END LOOP;

    EXECUTE format('ALTER TABLE system_events ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%L)',
                   older, bound);
    -- Its index has the name by which older releases look for one.
    ALTER INDEX system_events_default_agent_lane_seq RENAME TO idx_system_events_agent_lane_seq;
    ALTER TABLE system_events ATTACH PARTITION system_events_default DEFAULT;
    ALTER TABLE system_events_default DROP CONSTRAINT system_events_beyond_check;
END
$$;
