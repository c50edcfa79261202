SELECT c.oid AS unit, 'text search configuration' AS kind, '' AS of,
    c.oid::regconfig::text AS name,
    c.cfgowner::regrole::text AS owner,
    (SELECT prsnamespace::regnamespace || '.' || quote_ident(prsname)
     FROM pg_ts_parser WHERE pg_ts_parser.oid = c.cfgparser) AS parser,
    (SELECT string_agg(maptokentype || ' ' || mapdict::regdictionary, ', '
        ORDER BY maptokentype, mapseqno)
     FROM pg_ts_config_map WHERE mapcfg = c.oid) AS mappings,
    (SELECT description FROM pg_description
     WHERE objoid = c.oid AND classoid = 'pg_ts_config'::regclass AND objsubid = 0) AS comment
FROM pg_ts_config AS c
WHERE c.oid = ANY ($1)
