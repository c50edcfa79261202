SELECT t.oid AS unit, 'trigger' AS kind, t.tgrelid::regclass::text AS of,
    quote_ident(t.tgname) AS name,
    t.tgrelid AS relation,
    pg_get_triggerdef(t.oid) AS definition,
    CASE t.tgenabled WHEN 'D' THEN 'no' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' END
        AS enabled,
    CASE WHEN t.tgparentid <> 0 THEN 'only' END AS inherited,
    (SELECT description FROM pg_description
     WHERE objoid = t.oid AND classoid = 'pg_trigger'::regclass AND objsubid = 0) AS comment
FROM pg_trigger AS t
WHERE t.oid = ANY ($1)
