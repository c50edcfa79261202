SELECT t.oid AS unit, 'text search template' AS kind, '' AS of,
    t.tmplnamespace::regnamespace || '.' || quote_ident(t.tmplname) AS name,
    concat_ws(' ', t.tmplinit, t.tmpllexize) AS functions,
    (SELECT description FROM pg_description
     WHERE objoid = t.oid AND classoid = 'pg_ts_template'::regclass AND objsubid = 0) AS comment
FROM pg_ts_template AS t
WHERE t.oid = ANY ($1)
