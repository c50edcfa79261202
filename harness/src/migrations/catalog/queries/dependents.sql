SELECT DISTINCT part.catalog, part.unit
FROM unnest($1::oid[], $2::oid[]) AS changed (catalog, unit)
JOIN pg_depend AS d ON d.refclassid = changed.catalog AND d.refobjid = changed.unit
CROSS JOIN LATERAL (
    SELECT d.classid AS catalog, d.objid AS unit
    UNION ALL
    SELECT 1259, (SELECT ev_class FROM pg_rewrite WHERE oid = d.objid)
    WHERE d.classid = 'pg_rewrite'::regclass
    UNION ALL
    SELECT 1259, (SELECT adrelid FROM pg_attrdef WHERE oid = d.objid)
    WHERE d.classid = 'pg_attrdef'::regclass
    UNION ALL
    SELECT 1259, (SELECT conindid FROM pg_constraint WHERE oid = d.objid)
    WHERE d.classid = 'pg_constraint'::regclass
    UNION ALL
    SELECT 'pg_publication'::regclass, (SELECT prpubid FROM pg_publication_rel WHERE oid = d.objid)
    WHERE d.classid = 'pg_publication_rel'::regclass
    UNION ALL
    SELECT 'pg_opfamily'::regclass, (SELECT amopfamily FROM pg_amop WHERE oid = d.objid)
    WHERE d.classid = 'pg_amop'::regclass
    UNION ALL
    SELECT 'pg_opfamily'::regclass, (SELECT amprocfamily FROM pg_amproc WHERE oid = d.objid)
    WHERE d.classid = 'pg_amproc'::regclass
) AS part
WHERE part.unit IS NOT NULL
