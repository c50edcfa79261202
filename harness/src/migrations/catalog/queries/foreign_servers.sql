SELECT s.oid AS unit, 'foreign server' AS kind, '' AS of, quote_ident(s.srvname) AS name,
    s.srvowner::regrole::text AS owner,
    quote_ident(w.fdwname) AS wrapper,
    s.srvtype AS type,
    s.srvversion AS version,
    CASE WHEN s.srvoptions IS NOT NULL THEN (
        SELECT string_agg(item, ', ' ORDER BY item) FROM unnest(s.srvoptions) AS item
    ) END AS options,
    CASE WHEN s.srvacl IS NOT NULL THEN (
        SELECT NULLIF(coalesce(string_agg(item::text, ', ' ORDER BY item::text), 'none'), (
            SELECT string_agg(item::text, ', ' ORDER BY item::text)
            FROM unnest(acldefault('S', s.srvowner)) AS item
        ))
        FROM unnest(s.srvacl) AS item
    ) END AS privileges,
    (SELECT description FROM pg_description
     WHERE objoid = s.oid AND classoid = 'pg_foreign_server'::regclass AND objsubid = 0) AS comment
FROM pg_foreign_server AS s
JOIN pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
WHERE s.oid = ANY ($1)
