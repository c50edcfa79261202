SELECT r.oid AS unit, 'rule' AS kind, r.ev_class::regclass::text AS of,
    quote_ident(r.rulename) AS name,
    r.ev_class AS relation,
    pg_get_ruledef(r.oid) AS definition,
    CASE r.ev_enabled WHEN 'D' THEN 'no' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' END
        AS enabled,
    (SELECT description FROM pg_description
     WHERE objoid = r.oid AND classoid = 'pg_rewrite'::regclass AND objsubid = 0) AS comment
FROM pg_rewrite AS r
WHERE r.oid = ANY ($1)
