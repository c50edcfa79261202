SELECT t.oid AS unit,
    CASE t.typtype
        WHEN 'e' THEN 'enum'
        WHEN 'd' THEN 'domain'
        WHEN 'r' THEN 'range'
        WHEN 'c' THEN 'composite type'
        ELSE 'base type'
    END AS kind,
    '' AS of,
    t.oid::regtype::text AS name,
    t.typowner::regrole::text AS owner,
    CASE t.typtype WHEN 'e' THEN (
        SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder)
        FROM pg_enum WHERE enumtypid = t.oid
    ) END AS labels,
    CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod) END AS base,
    CASE WHEN t.typtype = 'd' AND t.typcollation <> b.typcollation
        THEN t.typcollation::regcollation::text END AS collation,
    NULLIF(t.typnotnull, false)::text AS not_null,
    coalesce(pg_get_expr(t.typdefaultbin, 0), t.typdefault) AS default,
    format_type(r.rngsubtype, NULL) AS subtype,
    (SELECT opcnamespace::regnamespace || '.' || quote_ident(opcname)
     FROM pg_opclass WHERE pg_opclass.oid = r.rngsubopc) AS operator_class,
    CASE WHEN r.rngcollation <> 0 THEN r.rngcollation::regcollation::text END AS range_collation,
    NULLIF(r.rngcanonical, 0)::regproc::text AS canonical,
    NULLIF(r.rngsubdiff, 0)::regproc::text AS subtype_difference,
    NULLIF(r.rngmultitypid, 0)::regtype::text AS multirange,
    CASE WHEN t.typtype IN ('b', 'p') THEN concat_ws(' ',
        t.typisdefined, t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout,
        t.typanalyze, t.typsubscript, t.typlen, t.typbyval, t.typalign, t.typstorage,
        t.typcategory, t.typispreferred, t.typdelim, t.typelem::regtype, t.typcollation
    ) END AS definition,
    CASE WHEN t.typacl IS NOT NULL THEN (
        SELECT NULLIF(coalesce(string_agg(item::text, ', ' ORDER BY item::text), 'none'), (
            SELECT string_agg(item::text, ', ' ORDER BY item::text)
            FROM unnest(acldefault('T', t.typowner)) AS item
        ))
        FROM unnest(t.typacl) AS item
    ) END AS privileges,
    (SELECT description FROM pg_description
     WHERE objoid = t.oid AND classoid = 'pg_type'::regclass AND objsubid = 0) AS comment
FROM pg_type AS t
LEFT JOIN pg_type AS b ON b.oid = t.typbasetype
LEFT JOIN pg_range AS r ON r.rngtypid = t.oid
WHERE t.oid = ANY ($1) AND t.typnamespace <> pg_my_temp_schema()
    AND (t.typrelid = 0 OR EXISTS (
        SELECT FROM pg_class AS c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
