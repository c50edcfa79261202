SELECT w.oid AS unit, 'foreign data wrapper' AS kind, '' AS of, quote_ident(w.fdwname) AS name,
    w.fdwowner::regrole::text AS owner,
    NULLIF(w.fdwhandler, 0)::regproc::text AS handler,
    NULLIF(w.fdwvalidator, 0)::regproc::text AS validator,
    CASE WHEN w.fdwoptions IS NOT NULL THEN (
        SELECT string_agg(item, ', ' ORDER BY item) FROM unnest(w.fdwoptions) AS item
    ) END AS options,
    CASE WHEN w.fdwacl IS NOT NULL THEN (
        SELECT NULLIF(coalesce(string_agg(item::text, ', ' ORDER BY item::text), 'none'), (
            SELECT string_agg(item::text, ', ' ORDER BY item::text)
            FROM unnest(acldefault('F', w.fdwowner)) AS item
        ))
        FROM unnest(w.fdwacl) AS item
    ) END AS privileges,
    (SELECT description FROM pg_description
     WHERE objoid = w.oid AND classoid = 'pg_foreign_data_wrapper'::regclass AND objsubid = 0) AS comment
FROM pg_foreign_data_wrapper AS w
WHERE w.oid = ANY ($1)
