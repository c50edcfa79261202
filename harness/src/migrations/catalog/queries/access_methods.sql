SELECT a.oid AS unit, 'access method' AS kind, '' AS of, quote_ident(a.amname) AS name,
    a.amhandler::regproc::text AS handler,
    a.amtype::text AS type,
    (SELECT description FROM pg_description
     WHERE objoid = a.oid AND classoid = 'pg_am'::regclass AND objsubid = 0) AS comment
FROM pg_am AS a
WHERE a.oid = ANY ($1)
