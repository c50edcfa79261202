SELECT p.oid AS unit, 'policy' AS kind, p.polrelid::regclass::text AS of,
    quote_ident(p.polname) AS name,
    p.polrelid AS relation,
    CASE p.polcmd
        WHEN 'r' THEN 'select'
        WHEN 'a' THEN 'insert'
        WHEN 'w' THEN 'update'
        WHEN 'd' THEN 'delete'
        ELSE 'all'
    END AS command,
    CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END AS mode,
    (SELECT string_agg(CASE item WHEN 0 THEN 'public' ELSE item::regrole::text END, ', '
        ORDER BY item::regrole::text)
     FROM unnest(p.polroles) AS item) AS roles,
    pg_get_expr(p.polqual, p.polrelid) AS using,
    pg_get_expr(p.polwithcheck, p.polrelid) AS with_check,
    (SELECT description FROM pg_description
     WHERE objoid = p.oid AND classoid = 'pg_policy'::regclass AND objsubid = 0) AS comment
FROM pg_policy AS p
WHERE p.oid = ANY ($1)
