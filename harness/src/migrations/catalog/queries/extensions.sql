SELECT e.oid AS unit, 'extension' AS kind, '' AS of, quote_ident(e.extname) AS name,
    e.extversion AS version,
    e.extnamespace::regnamespace::text AS schema,
    (SELECT description FROM pg_description
     WHERE objoid = e.oid AND classoid = 'pg_extension'::regclass AND objsubid = 0) AS comment
FROM pg_extension AS e
WHERE e.oid = ANY ($1)
