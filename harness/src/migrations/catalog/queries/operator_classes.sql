SELECT o.oid AS unit, 'operator class' AS kind, '' AS of,
    o.opcnamespace::regnamespace || '.' || quote_ident(o.opcname) || ' USING ' || a.amname AS name,
    o.opcowner::regrole::text AS owner,
    (SELECT opfnamespace::regnamespace || '.' || quote_ident(opfname)
     FROM pg_opfamily WHERE pg_opfamily.oid = o.opcfamily) AS family,
    o.opcintype::regtype::text AS type,
    NULLIF(o.opcdefault, false)::text AS default,
    NULLIF(o.opckeytype, 0)::regtype::text AS key_type,
    (SELECT description FROM pg_description
     WHERE objoid = o.oid AND classoid = 'pg_opclass'::regclass AND objsubid = 0) AS comment
FROM pg_opclass AS o
JOIN pg_am AS a ON a.oid = o.opcmethod
WHERE o.oid = ANY ($1)
