-- How often rows of each table were inserted, updated and deleted in this session, as PostgreSQL
-- counts them: never less, not even after a savepoint is rolled back. Rows of refused steps and of
-- triggers count too.
SELECT coalesce(jsonb_object_agg(oid::text, jsonb_build_array(
    pg_stat_get_xact_tuples_inserted(oid), pg_stat_get_xact_tuples_updated(oid),
    pg_stat_get_xact_tuples_deleted(oid))), '{}')::text
FROM pg_class WHERE relkind = 'r' AND oid >= 16384 AND relpersistence <> 't'
