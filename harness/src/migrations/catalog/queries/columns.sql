SELECT a.attrelid AS unit, 'column' AS kind, a.attrelid::regclass::text AS of,
    quote_ident(a.attname) AS name,
    -- Values of a composite type are written by the places of its columns.
    CASE c.relkind WHEN 'c' THEN (
        SELECT count(*)::text FROM pg_attribute AS left_of
        WHERE left_of.attrelid = a.attrelid AND left_of.attnum BETWEEN 1 AND a.attnum
            AND NOT left_of.attisdropped
    ) END AS place,
    format_type(a.atttypid, a.atttypmod) AS type,
    CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END
        AS collation,
    NULLIF(a.attnotnull, false)::text AS not_null,
    CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END AS default,
    CASE a.attgenerated
        WHEN 's' THEN 'stored ' || pg_get_expr(d.adbin, d.adrelid)
        WHEN 'v' THEN 'virtual ' || pg_get_expr(d.adbin, d.adrelid)
    END AS generated,
    CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END AS identity,
    NULLIF(a.attstorage, t.typstorage)::text AS storage,
    NULLIF(a.attcompression, '')::text AS compression,
    NULLIF(a.attstattarget, -1)::text AS statistics_target,
    -- Newer minor releases keep a version of their own among the options, as pg_dump knows.
    CASE WHEN left(a.attoptions[1], 10) <> 'pg_attver=' OR a.attoptions[2] IS NOT NULL THEN (
        SELECT string_agg(item, ', ' ORDER BY item) FROM unnest(a.attoptions) AS item
        WHERE left(item, 10) <> 'pg_attver='
    ) END AS options,
    CASE WHEN a.attfdwoptions IS NOT NULL THEN (
        SELECT string_agg(item, ', ' ORDER BY item) FROM unnest(a.attfdwoptions) AS item
    ) END AS foreign_options,
    CASE WHEN a.attinhcount > 0 THEN
        CASE WHEN a.attislocal THEN 'merged with a local one' ELSE 'only' END
    END AS inherited,
    CASE WHEN a.attacl IS NOT NULL THEN (
        SELECT NULLIF(coalesce(string_agg(item::text, ', ' ORDER BY item::text), 'none'), (
            SELECT string_agg(item::text, ', ' ORDER BY item::text)
            FROM unnest(acldefault('c', c.relowner)) AS item
        ))
        FROM unnest(a.attacl) AS item
    ) END AS privileges,
    (SELECT description FROM pg_description
     WHERE objoid = a.attrelid AND classoid = 'pg_class'::regclass AND objsubid = a.attnum)
        AS comment
FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
JOIN pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = ANY ($1) AND a.attnum > 0 AND NOT a.attisdropped
