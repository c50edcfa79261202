SELECT t.oid AS unit, 'transform' AS kind, '' AS of,
    'for ' || t.trftype::regtype || ' language ' || quote_ident(l.lanname) AS name,
    NULLIF(t.trffromsql, 0)::regprocedure::text AS from_sql,
    NULLIF(t.trftosql, 0)::regprocedure::text AS to_sql,
    (SELECT description FROM pg_description
     WHERE objoid = t.oid AND classoid = 'pg_transform'::regclass AND objsubid = 0) AS comment
FROM pg_transform AS t
JOIN pg_language AS l ON l.oid = t.trflang
WHERE t.oid = ANY ($1)
