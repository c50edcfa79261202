SELECT l.oid AS unit, 'language' AS kind, '' AS of, quote_ident(l.lanname) AS name,
    l.lanowner::regrole::text AS owner,
    NULLIF(l.lanpltrusted, true)::text AS trusted,
    NULLIF(l.lanplcallfoid, 0)::regproc::text AS handler,
    NULLIF(l.laninline, 0)::regproc::text AS inline,
    NULLIF(l.lanvalidator, 0)::regproc::text AS validator,
    CASE WHEN l.lanacl IS NOT NULL THEN (
        SELECT NULLIF(coalesce(string_agg(item::text, ', ' ORDER BY item::text), 'none'), (
            SELECT string_agg(item::text, ', ' ORDER BY item::text)
            FROM unnest(acldefault('l', l.lanowner)) AS item
        ))
        FROM unnest(l.lanacl) AS item
    ) END AS privileges,
    (SELECT description FROM pg_description
     WHERE objoid = l.oid AND classoid = 'pg_language'::regclass AND objsubid = 0) AS comment
FROM pg_language AS l
WHERE l.oid = ANY ($1)
