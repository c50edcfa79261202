SELECT e.oid AS unit, 'event trigger' AS kind, '' AS of, quote_ident(e.evtname) AS name,
    e.evtowner::regrole::text AS owner,
    e.evtevent::text AS event,
    e.evtfoid::regproc::text AS function,
    CASE e.evtenabled WHEN 'D' THEN 'no' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' END
        AS enabled,
    CASE WHEN e.evttags IS NOT NULL THEN (
        SELECT string_agg(item, ', ' ORDER BY item) FROM unnest(e.evttags) AS item
    ) END AS tags,
    (SELECT description FROM pg_description
     WHERE objoid = e.oid AND classoid = 'pg_event_trigger'::regclass AND objsubid = 0) AS comment
FROM pg_event_trigger AS e
WHERE e.oid = ANY ($1)
