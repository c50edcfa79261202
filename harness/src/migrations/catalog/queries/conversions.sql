SELECT c.oid AS unit, 'conversion' AS kind, '' AS of,
    c.connamespace::regnamespace || '.' || quote_ident(c.conname) AS name,
    c.conowner::regrole::text AS owner,
    pg_encoding_to_char(c.conforencoding)::text AS source,
    pg_encoding_to_char(c.contoencoding)::text AS target,
    c.conproc::regproc::text AS function,
    NULLIF(c.condefault, false)::text AS default,
    (SELECT description FROM pg_description
     WHERE objoid = c.oid AND classoid = 'pg_conversion'::regclass AND objsubid = 0) AS comment
FROM pg_conversion AS c
WHERE c.oid = ANY ($1)
