SELECT c.oid AS unit, 'collation' AS kind, '' AS of, c.oid::regcollation::text AS name,
    c.collowner::regrole::text AS owner,
    c.collprovider::text AS provider,
    c.collcollate::text AS collate,
    c.collctype::text AS ctype,
    c.colliculocale::text AS locale, --@ 15 to 16
    c.colllocale::text AS locale, --@ 17
    c.collicurules::text AS rules, --@ 16
    NULLIF(c.collisdeterministic, true)::text AS deterministic,
    NULLIF(c.collencoding, -1)::text AS encoding,
    (SELECT description FROM pg_description
     WHERE objoid = c.oid AND classoid = 'pg_collation'::regclass AND objsubid = 0) AS comment
FROM pg_collation AS c
WHERE c.oid = ANY ($1)
