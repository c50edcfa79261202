-- Which tables there are, and which of them have changed since transaction $1; one text of JSON.
WITH since AS MATERIALIZED (
  SELECT coalesce(age($1::text::xid), -1) AS age
), touched AS (
  -- What PostgreSQL made by itself has a number below 16384.
  SELECT oid FROM pg_class
  WHERE oid >= 16384 AND relkind IN ('r', 'p') AND age(xmin) <= (SELECT age FROM since)
  UNION ALL SELECT attrelid FROM pg_attribute
  WHERE attrelid >= 16384 AND age(xmin) <= (SELECT age FROM since)
  UNION ALL SELECT adrelid FROM pg_attrdef WHERE age(xmin) <= (SELECT age FROM since)
  UNION ALL SELECT conrelid FROM pg_constraint WHERE age(xmin) <= (SELECT age FROM since)
  UNION ALL SELECT indrelid FROM pg_index WHERE age(xmin) <= (SELECT age FROM since)
  UNION ALL SELECT tgrelid FROM pg_trigger WHERE age(xmin) <= (SELECT age FROM since)
  UNION ALL SELECT ev_class FROM pg_rewrite WHERE age(xmin) <= (SELECT age FROM since)
), touched_types AS (
  -- Every table brings a type of its rows and one of arrays of them; these are read when a column
  -- is made of one.
  SELECT FROM pg_type type
  WHERE oid >= 16384 AND age(xmin) <= (SELECT age FROM since) AND 'c' = coalesce((
    SELECT relkind FROM pg_class WHERE oid = coalesce(nullif(typrelid, 0), (
      SELECT element.typrelid FROM pg_type element WHERE element.oid = type.typelem))), 'c')
  UNION ALL SELECT FROM pg_enum WHERE age(xmin) <= (SELECT age FROM since)
  UNION ALL SELECT FROM pg_constraint WHERE contypid <> 0 AND age(xmin) <= (SELECT age FROM since)
), live AS (
  SELECT class.oid::bigint, namespace.nspname, class.relname
  FROM pg_class class JOIN pg_namespace namespace ON namespace.oid = class.relnamespace
  WHERE class.oid >= 16384 AND class.relkind IN ('r', 'p') AND class.relpersistence <> 't'
    AND namespace.nspname <> 'information_schema' AND namespace.nspname NOT LIKE 'pg\_%'
    AND NOT EXISTS (
      SELECT FROM pg_depend member
      WHERE member.refclassid = 'pg_extension'::regclass AND member.deptype = 'e'
        AND member.classid = 'pg_class'::regclass AND member.objid = class.oid)
)
SELECT json_build_object(
  'database', (SELECT oid::bigint FROM pg_database WHERE datname = current_database()),
  'horizon', pg_snapshot_xmin(pg_current_snapshot())::xid::text,
  'live', (SELECT coalesce(json_agg(json_build_array(oid, nspname, relname)), '[]') FROM live),
  'touched', (SELECT coalesce(json_agg(DISTINCT oid::bigint), '[]') FROM touched),
  'types_touched', EXISTS (SELECT FROM touched_types),
  'counts', json_build_array(
    (SELECT count(*) FROM pg_constraint), (SELECT count(*) FROM pg_index),
    (SELECT count(*) FROM pg_trigger))
)::text
