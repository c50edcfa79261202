-- From here on the table takes only events from before a month's beginning, at least three months ahead: so it can
-- become the partition of all that is older, and no other is needed before the server makes one. Events that an agent
-- with a wrong clock dates later are refused until there is a place for them, and sent again.
--
-- The bound is only noted here: the next migration checks the rows that are there, with a weaker lock.

SET LOCAL lock_timeout = '2s';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_constraint
               WHERE conrelid = 'system_events'::regclass AND conname = 'system_events_bound_check') THEN
        RETURN;
    END IF;
    EXECUTE format(
        'ALTER TABLE system_events ADD CONSTRAINT system_events_bound_check CHECK (created_at < %L) NOT VALID',
        (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '4 months') AT TIME ZONE 'UTC');
END
$$;
