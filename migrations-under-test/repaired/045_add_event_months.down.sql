-- The events of all months go where those of other times are.
DO $$
DECLARE
    month TEXT;
BEGIN
    FOR month IN
        SELECT name FROM system_events_partitions
        WHERE bound IS NOT NULL AND name NOT LIKE 'system\_events\_before\_%' ORDER BY bound
    LOOP
        EXECUTE format('ALTER TABLE system_events DETACH PARTITION %I', month);
        EXECUTE format('INSERT INTO system_events SELECT * FROM %I ON CONFLICT DO NOTHING', month);
        EXECUTE format('DROP TABLE %I', month);
    END LOOP;
END
$$;

DROP FUNCTION system_events_add_months(INTEGER);
DROP VIEW system_events_partitions;
