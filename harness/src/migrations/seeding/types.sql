-- What the types of columns are made of: the user's own, and with $1 those of PostgreSQL.
SELECT json_agg(json_build_object(
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
  ))::text
FROM pg_type type LEFT JOIN pg_class class ON class.oid = typrelid
WHERE typtype <> 'p' AND (typrelid = 0 OR class.relkind = 'c')
  AND (typnamespace <> 'pg_catalog'::regnamespace OR $1)
