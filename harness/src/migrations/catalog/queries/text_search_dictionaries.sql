SELECT d.oid AS unit, 'text search dictionary' AS kind, '' AS of,
    d.oid::regdictionary::text AS name,
    d.dictowner::regrole::text AS owner,
    (SELECT tmplnamespace::regnamespace || '.' || quote_ident(tmplname)
     FROM pg_ts_template WHERE pg_ts_template.oid = d.dicttemplate) AS template,
    d.dictinitoption AS options,
    (SELECT description FROM pg_description
     WHERE objoid = d.oid AND classoid = 'pg_ts_dict'::regclass AND objsubid = 0) AS comment
FROM pg_ts_dict AS d
WHERE d.oid = ANY ($1)
