SELECT p.oid AS unit, 'publication' AS kind, '' AS of, quote_ident(p.pubname) AS name,
    p.pubowner::regrole::text AS owner,
    NULLIF(p.puballtables, false)::text AS all_tables,
    concat_ws(', ',
        CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END,
        CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END
    ) AS operations,
    NULLIF(p.pubviaroot, false)::text AS through_root,
    p.pubgencols::text AS generated_columns, --@ 18
    (SELECT string_agg(
        prrelid::regclass::text
        || coalesce(' (' || ( --@ 15
            SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) --@ 15
            FROM pg_attribute WHERE attrelid = prrelid AND attnum = ANY (prattrs) --@ 15
        ) || ')', '') --@ 15
        || coalesce(' WHERE ' || pg_get_expr(prqual, prrelid), '') --@ 15
        , ', ' ORDER BY prrelid::regclass::text)
     FROM pg_publication_rel WHERE prpubid = p.oid) AS tables,
    (SELECT string_agg(pnnspid::regnamespace::text, ', ' ORDER BY pnnspid::regnamespace::text) --@ 15
     FROM pg_publication_namespace WHERE pnpubid = p.oid) AS schemas, --@ 15
    (SELECT description FROM pg_description
     WHERE objoid = p.oid AND classoid = 'pg_publication'::regclass AND objsubid = 0) AS comment
FROM pg_publication AS p
WHERE p.oid = ANY ($1)
