SELECT p.oid AS unit, 'text search parser' AS kind, '' AS of,
    p.prsnamespace::regnamespace || '.' || quote_ident(p.prsname) AS name,
    concat_ws(' ', p.prsstart, p.prstoken, p.prsend, p.prsheadline, p.prslextype) AS functions,
    (SELECT description FROM pg_description
     WHERE objoid = p.oid AND classoid = 'pg_ts_parser'::regclass AND objsubid = 0) AS comment
FROM pg_ts_parser AS p
WHERE p.oid = ANY ($1)
