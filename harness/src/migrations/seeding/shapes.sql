-- The shapes of the tables in $1, as one text of JSON; see shape_reader.rs for what it holds. The
-- planner is not shown the tables: it would make another plan for each list of them.
WITH changed AS (
  SELECT class.oid, class.relname, namespace.nspname, class.relkind
  FROM pg_class class JOIN pg_namespace namespace ON namespace.oid = class.relnamespace
  WHERE class.oid = ANY ((SELECT $1::bigint[]::oid[])::oid[])
), columns AS (
  SELECT attrelid AS oid, json_agg(json_build_object(
      'number', attnum, 'name', attname, 'type_oid', atttypid::bigint, 'modifier', atttypmod,
      'type_name', format_type(atttypid, atttypmod), 'not_null', attnotnull,
      'default', pg_get_expr(adbin, adrelid), 'identity', attidentity <> '',
      'always', attidentity = 'a', 'generated', attgenerated <> '',
      'reads', CASE WHEN attgenerated <> '' THEN ARRAY(
        SELECT DISTINCT match[1]::int2
        FROM regexp_matches(adbin::text, ':varattno (\d+)', 'g') AS match ORDER BY 1)
      ELSE '{}' END,
      'casts', CASE WHEN attgenerated <> '' AND attnotnull THEN ARRAY(
        SELECT json_build_object('function', proname, 'type', type, 'labels', ARRAY(
          SELECT enumlabel FROM pg_enum
          WHERE enumtypid = to_regtype(type) ORDER BY enumsortorder))
        FROM regexp_matches(adbin::text, ':funcid (\d+)', 'g') AS match
          JOIN pg_proc function ON function.oid = match[1]::oid
          CROSS JOIN coalesce(pg_get_function_sqlbody(function.oid), prosrc) AS body
          CROSS JOIN concat('(?:\$1|\m', substring(proargnames[1] FROM '^\w+$'), '\M)') AS argument
          CROSS JOIN coalesce(
            substring(body FROM concat('(?i)', argument, '\)?\s*::\s*([\w."]+)')),
            substring(body FROM concat('(?i)cast\s*\(\s*', argument, '\s+as\s+([\w."]+)'))
          ) AS type
        WHERE function.oid >= 16384 AND pronargs = 1 AND type IS NOT NULL)
      ELSE '{}' END) ORDER BY attnum) AS list
  FROM changed JOIN pg_attribute ON attrelid = changed.oid
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
  WHERE attnum > 0 AND NOT attisdropped
  GROUP BY attrelid
), keys AS (
  SELECT indrelid AS oid, json_agg(json_build_object(
      'name', index.relname, 'primary', indisprimary, 'exclusion', indisexclusion,
      'predicate', CASE WHEN indpred IS NOT NULL THEN json_build_object(
        'expression', pg_get_expr(indpred, indrelid), 'columns', ARRAY(
          SELECT DISTINCT match[1]::int2
          FROM regexp_matches(indpred::text, ':varattno (\d+)', 'g') AS match ORDER BY 1)) END,
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
)
SELECT coalesce(json_agg(json_build_object(
  'oid', changed.oid::bigint, 'schema', nspname, 'table', relname, 'partitioned', relkind = 'p',
  'root', coalesce(pg_partition_root(changed.oid)::oid, changed.oid)::bigint,
  'bounds', pg_get_partition_constraintdef(changed.oid),
  'columns', coalesce(columns.list, '[]'), 'keys', coalesce(keys.list, '[]'),
  'foreign_keys', coalesce(foreign_keys.list, '[]'),
  'checks', coalesce(checks.list, '[]'),
  'rules', EXISTS (
    SELECT FROM pg_rewrite WHERE ev_class = changed.oid AND ev_type = '3' AND ev_enabled <> 'D')
) ORDER BY nspname, relname), '[]')::text
FROM changed LEFT JOIN columns USING (oid) LEFT JOIN keys USING (oid)
  LEFT JOIN foreign_keys USING (oid) LEFT JOIN checks USING (oid)
