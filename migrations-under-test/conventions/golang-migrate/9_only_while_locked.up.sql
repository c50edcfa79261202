-- Refuses to run unless the tool holds its lock, and looks into the tool's own table.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) THEN
        RAISE EXCEPTION 'nobody holds the lock of the migrations';
    END IF;
    IF NOT EXISTS (SELECT FROM schema_migrations WHERE version = 9 AND dirty) THEN
        RAISE EXCEPTION 'the tool does not know that this migration runs';
    END IF;
END
$$;
