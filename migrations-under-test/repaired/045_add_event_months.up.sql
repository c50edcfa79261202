-- A partition for each month, made ahead of time. The server calls the function again and again; here it has nothing
-- to make yet, unless the table was bound long ago.

CREATE OR REPLACE VIEW system_events_partitions AS
SELECT relname::text AS name,
       substring(pg_get_expr(relpartbound, oid) FROM 'TO \(''([^'']+)''\)')::timestamptz AS bound
FROM pg_inherits JOIN pg_class ON oid = inhrelid
WHERE inhparent = 'system_events'::regclass;

-- Makes what is missing for the coming months. An event with a wrong date may have come before the partition that
-- it belongs to: it moves there from the one for all other times, which nobody else uses meanwhile.
CREATE OR REPLACE FUNCTION system_events_add_months(ahead INTEGER) RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
    first TIMESTAMP; -- in UTC
    partition TEXT;
    begins TIMESTAMP WITH TIME ZONE;
    ends TIMESTAMP WITH TIME ZONE;
BEGIN
    SELECT coalesce(max(bound) AT TIME ZONE 'UTC', date_trunc('month', now() AT TIME ZONE 'UTC')) INTO first
    FROM system_events_partitions;
    WHILE first <= (now() AT TIME ZONE 'UTC') + make_interval(months => ahead) LOOP
        partition := 'system_events_' || to_char(first, 'YYYY_MM');
        begins := first AT TIME ZONE 'UTC';
        ends := (first + interval '1 month') AT TIME ZONE 'UTC';
        EXECUTE format('CREATE TABLE %I (LIKE system_events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition);
        EXECUTE format('CREATE UNIQUE INDEX %I ON %I (agent_id, lane, seq)',
                       partition || '_agent_lane_seq', partition);
        LOCK TABLE system_events_default IN ACCESS EXCLUSIVE MODE;
        EXECUTE format('WITH early AS (DELETE FROM system_events_default '
                       'WHERE created_at >= $1 AND created_at < $2 RETURNING *) '
                       'INSERT INTO %I SELECT * FROM early', partition) USING begins, ends;
        EXECUTE format('ALTER TABLE system_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       partition, begins, ends);
        first := first + interval '1 month';
    END LOOP;
END
$$;

SET LOCAL lock_timeout = '2s';

SELECT system_events_add_months(3);
