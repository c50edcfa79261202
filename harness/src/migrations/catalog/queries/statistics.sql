SELECT s.oid AS unit, 'statistics' AS kind, '' AS of,
    s.stxnamespace::regnamespace || '.' || quote_ident(s.stxname) AS name,
    s.stxowner::regrole::text AS owner,
    s.stxrelid::regclass::text AS table,
    pg_get_statisticsobjdef(s.oid) AS definition,
    NULLIF(s.stxstattarget, -1)::text AS target,
    (SELECT description FROM pg_description
     WHERE objoid = s.oid AND classoid = 'pg_statistic_ext'::regclass AND objsubid = 0) AS comment
FROM pg_statistic_ext AS s
WHERE s.oid = ANY ($1)
