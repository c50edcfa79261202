SELECT o.oid AS unit, 'operator' AS kind, '' AS of, o.oid::regoperator::text AS name,
    o.oprowner::regrole::text AS owner,
    o.oprcode::regproc::text AS function,
    NULLIF(o.oprcom, 0)::regoperator::text AS commutator,
    NULLIF(o.oprnegate, 0)::regoperator::text AS negator,
    NULLIF(o.oprrest, 0)::regproc::text AS restriction,
    NULLIF(o.oprjoin, 0)::regproc::text AS join,
    NULLIF(o.oprcanmerge, false)::text AS merges,
    NULLIF(o.oprcanhash, false)::text AS hashes,
    (SELECT description FROM pg_description
     WHERE objoid = o.oid AND classoid = 'pg_operator'::regclass AND objsubid = 0) AS comment
FROM pg_operator AS o
WHERE o.oid = ANY ($1)
