SELECT DISTINCT part.catalog, part.unit
FROM unnest($1::oid[], $2::oid[]) AS changed (catalog, unit)
JOIN pg_depend AS d ON d.refclassid = changed.catalog AND d.refobjid = changed.unit
CROSS JOIN LATERAL (VALUES
    (d.classid, d.objid),
    (
        CASE d.classid
            WHEN 'pg_rewrite'::regclass THEN 'pg_class'::regclass::oid
            WHEN 'pg_attrdef'::regclass THEN 'pg_class'::regclass
            WHEN 'pg_constraint'::regclass THEN 'pg_class'::regclass
            WHEN 'pg_publication_rel'::regclass THEN 'pg_publication'::regclass
            WHEN 'pg_amop'::regclass THEN 'pg_opfamily'::regclass
            WHEN 'pg_amproc'::regclass THEN 'pg_opfamily'::regclass
        END,
        CASE d.classid
            WHEN 'pg_rewrite'::regclass
                THEN (SELECT ev_class FROM pg_rewrite WHERE oid = d.objid)
            WHEN 'pg_attrdef'::regclass
                THEN (SELECT adrelid FROM pg_attrdef WHERE oid = d.objid)
            WHEN 'pg_constraint'::regclass
                THEN (SELECT conindid FROM pg_constraint WHERE oid = d.objid)
            WHEN 'pg_publication_rel'::regclass
                THEN (SELECT prpubid FROM pg_publication_rel WHERE oid = d.objid)
            WHEN 'pg_amop'::regclass
                THEN (SELECT amopfamily FROM pg_amop WHERE oid = d.objid)
            WHEN 'pg_amproc'::regclass
                THEN (SELECT amprocfamily FROM pg_amproc WHERE oid = d.objid)
        END
    )
) AS part (catalog, unit)
WHERE part.unit IS NOT NULL
