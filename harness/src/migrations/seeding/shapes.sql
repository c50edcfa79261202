-- What changed of the user's tables and types since transaction $1, or all of them if it is NULL.
-- One row with one JSON object; see shape_reader.rs for what it holds.
WITH since AS (
  SELECT coalesce(age($1::text::xid), 2147483647) AS age
), live AS (
  SELECT class.oid, class.relname, namespace.nspname, class.relkind, class.xmin
  FROM pg_class class JOIN pg_namespace namespace ON namespace.oid = class.relnamespace
  WHERE class.relkind IN ('r', 'p') AND class.relpersistence <> 't'
    AND namespace.nspname <> 'information_schema' AND namespace.nspname NOT LIKE 'pg\_%'
    AND NOT EXISTS (
      SELECT FROM pg_depend member
      WHERE member.classid = 'pg_class'::regclass AND member.objid = class.oid
        AND member.deptype = 'e')
), touched AS (
  SELECT oid FROM live, since WHERE age(xmin) <= since.age
  UNION SELECT attrelid FROM pg_attribute, since WHERE age(xmin) <= since.age
  UNION SELECT adrelid FROM pg_attrdef, since WHERE age(xmin) <= since.age
  UNION SELECT conrelid FROM pg_constraint, since WHERE age(xmin) <= since.age
  UNION SELECT indrelid FROM pg_index, since WHERE age(xmin) <= since.age
  UNION SELECT ev_class FROM pg_rewrite, since WHERE age(xmin) <= since.age
  UNION SELECT tgrelid FROM pg_trigger, since WHERE age(xmin) <= since.age
), changed AS (
  SELECT live.* FROM live JOIN touched USING (oid)
), columns AS (
  SELECT attrelid AS oid, json_agg(json_build_object(
      'number', attnum, 'name', attname, 'type_oid', atttypid::bigint, 'modifier', atttypmod,
      'type_name', format_type(atttypid, atttypmod), 'not_null', attnotnull,
      'default', pg_get_expr(adbin, adrelid), 'identity', attidentity <> '',
      'always', attidentity = 'a', 'generated', attgenerated <> '') ORDER BY attnum) AS list
  FROM changed JOIN pg_attribute ON attrelid = changed.oid
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
  WHERE attnum > 0 AND NOT attisdropped
  GROUP BY attrelid
), keys AS (
  SELECT indrelid AS oid, json_agg(json_build_object(
      'name', index.relname, 'primary', indisprimary, 'exclusion', indisexclusion,
      'partial', indpred IS NOT NULL,
      'columns', ARRAY(
        SELECT number FROM unnest(indkey::int2[]) WITH ORDINALITY AS key (number, place)
        WHERE number > 0 AND place <= indnkeyatts
        UNION SELECT match[1]::int2
        FROM regexp_matches(indexprs::text, ':varattno (\d+)', 'g') AS match)
    ) ORDER BY indisprimary DESC, index.relname) AS list
  FROM changed JOIN pg_index ON indrelid = changed.oid JOIN pg_class index ON index.oid = indexrelid
  WHERE indisunique OR indisexclusion
  GROUP BY indrelid
), foreign_keys AS (
  SELECT conrelid AS oid, json_agg(json_build_object(
      'name', conname, 'columns', conkey, 'parent', confrelid::bigint, 'parent_columns', confkey,
      'deferrable', condeferrable) ORDER BY cardinality(conkey) DESC, conname) AS list
  FROM changed JOIN pg_constraint ON conrelid = changed.oid AND contype = 'f'
  GROUP BY conrelid
), checks AS (
  SELECT conrelid AS oid, json_agg(json_build_object(
      'name', conname, 'columns', coalesce(conkey, '{}'),
      'expression', pg_get_expr(conbin, conrelid)) ORDER BY conname) AS list
  FROM changed JOIN pg_constraint ON conrelid = changed.oid AND contype = 'c'
  GROUP BY conrelid
), types AS (
  SELECT type.oid, json_build_object(
      'oid', type.oid::bigint, 'name', format_type(type.oid, NULL), 'base_name', typname,
      'sort', typtype, 'not_null', typnotnull, 'base', typbasetype::bigint, 'modifier', typtypmod,
      'element', CASE WHEN typcategory = 'A' THEN typelem::bigint ELSE 0 END,
      'labels', (
        SELECT json_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = type.oid),
      'checks', (
        SELECT json_agg(pg_get_expr(conbin, 0) ORDER BY conname)
        FROM pg_constraint WHERE contypid = type.oid AND contype = 'c'),
      'fields', (
        SELECT json_agg(json_build_array(atttypid::bigint, atttypmod) ORDER BY attnum)
        FROM pg_attribute WHERE attrelid = typrelid AND attnum > 0 AND NOT attisdropped
          AND typtype = 'c'),
      'subtype', (SELECT rngsubtype::bigint FROM pg_range WHERE rngtypid = type.oid),
      'range', (SELECT rngtypid::bigint FROM pg_range WHERE rngmultitypid = type.oid)
    ) AS shape
  FROM pg_type type LEFT JOIN pg_class class ON class.oid = typrelid
  WHERE typtype <> 'p' AND (typrelid = 0 OR class.relkind = 'c')
    AND (typnamespace <> 'pg_catalog'::regnamespace OR $1::text IS NULL)
)
SELECT json_build_object(
  'database', (SELECT oid::bigint FROM pg_database WHERE datname = current_database()),
  'horizon', pg_snapshot_xmin(pg_current_snapshot())::xid::text,
  'live', (SELECT coalesce(json_agg(json_build_array(oid::bigint, nspname, relname)), '[]') FROM live),
  'counts', json_build_array(
    (SELECT count(*) FROM pg_constraint), (SELECT count(*) FROM pg_index),
    (SELECT count(*) FROM pg_trigger)),
  'types', CASE WHEN EXISTS (
      SELECT FROM pg_type, since WHERE age(xmin) <= since.age
      UNION ALL SELECT FROM pg_enum, since WHERE age(xmin) <= since.age
      UNION ALL SELECT FROM pg_constraint, since WHERE contypid <> 0 AND age(xmin) <= since.age)
    THEN (SELECT coalesce(json_agg(shape), '[]') FROM types) END,
  'tables', (
    SELECT coalesce(json_agg(json_build_object(
      'oid', changed.oid::bigint, 'schema', nspname, 'table', relname, 'partitioned', relkind = 'p',
      'root', coalesce(pg_partition_root(changed.oid)::oid, changed.oid)::bigint,
      'bounds', pg_get_partition_constraintdef(changed.oid),
      'columns', coalesce(columns.list, '[]'), 'keys', coalesce(keys.list, '[]'),
      'foreign_keys', coalesce(foreign_keys.list, '[]'),
      'checks', coalesce(checks.list, '[]'),
      'rules', EXISTS (
        SELECT FROM pg_rewrite WHERE ev_class = changed.oid AND ev_type = '3' AND ev_enabled <> 'D')
    ) ORDER BY nspname, relname), '[]')
    FROM changed LEFT JOIN columns USING (oid) LEFT JOIN keys USING (oid)
      LEFT JOIN foreign_keys USING (oid) LEFT JOIN checks USING (oid))
)::text
