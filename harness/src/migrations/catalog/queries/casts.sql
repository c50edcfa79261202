SELECT c.oid AS unit, 'cast' AS kind, '' AS of,
    '(' || c.castsource::regtype || ' AS ' || c.casttarget::regtype || ')' AS name,
    NULLIF(c.castfunc, 0)::regprocedure::text AS function,
    c.castcontext::text AS context,
    c.castmethod::text AS method,
    (SELECT description FROM pg_description
     WHERE objoid = c.oid AND classoid = 'pg_cast'::regclass AND objsubid = 0) AS comment
FROM pg_cast AS c
WHERE c.oid = ANY ($1)
