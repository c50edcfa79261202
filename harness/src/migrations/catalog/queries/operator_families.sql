SELECT f.oid AS unit, 'operator family' AS kind, '' AS of,
    f.opfnamespace::regnamespace || '.' || quote_ident(f.opfname) || ' USING ' || a.amname AS name,
    f.opfowner::regrole::text AS owner,
    (SELECT string_agg(concat_ws(' ', amopstrategy, amopopr::regoperator, amoppurpose,
        (SELECT quote_ident(opfname) FROM pg_opfamily WHERE pg_opfamily.oid = amopsortfamily)),
        ', ' ORDER BY amopstrategy, amopopr::regoperator::text)
     FROM pg_amop WHERE amopfamily = f.oid) AS operators,
    (SELECT string_agg(concat_ws(' ', amprocnum, amproclefttype::regtype, amprocrighttype::regtype,
        amproc::oid::regprocedure), ', '
        ORDER BY amprocnum, amproclefttype::regtype::text, amprocrighttype::regtype::text)
     FROM pg_amproc WHERE amprocfamily = f.oid) AS functions,
    (SELECT description FROM pg_description
     WHERE objoid = f.oid AND classoid = 'pg_opfamily'::regclass AND objsubid = 0) AS comment
FROM pg_opfamily AS f
JOIN pg_am AS a ON a.oid = f.opfmethod
WHERE f.oid = ANY ($1)
