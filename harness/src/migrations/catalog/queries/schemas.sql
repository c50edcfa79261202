SELECT n.oid AS unit, 'schema' AS kind, '' AS of, quote_ident(n.nspname) AS name,
    n.nspowner::regrole::text AS owner,
    CASE WHEN n.nspacl IS NOT NULL THEN (
        SELECT NULLIF(coalesce(string_agg(item::text, ', ' ORDER BY item::text), 'none'), (
            SELECT string_agg(item::text, ', ' ORDER BY item::text)
            FROM unnest(acldefault('n', n.nspowner)) AS item
        ))
        FROM unnest(n.nspacl) AS item
    ) END AS privileges,
    (SELECT description FROM pg_description
     WHERE objoid = n.oid AND classoid = 'pg_namespace'::regclass AND objsubid = 0) AS comment
FROM pg_namespace AS n
WHERE n.oid = ANY ($1)
