SELECT p.oid AS unit,
    CASE p.prokind
        WHEN 'f' THEN 'function'
        WHEN 'p' THEN 'procedure'
        WHEN 'a' THEN 'aggregate'
        ELSE 'window function'
    END AS kind,
    '' AS of,
    p.oid::regprocedure::text AS name,
    p.proowner::regrole::text AS owner,
    pg_get_function_arguments(p.oid) AS arguments,
    pg_get_function_result(p.oid) AS result,
    CASE WHEN p.prokind <> 'a' THEN quote_ident(l.lanname) END AS language,
    CASE WHEN p.prokind <> 'a' THEN coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) END AS body,
    p.probin AS library,
    NULLIF(p.provolatile, 'v')::text AS volatility,
    NULLIF(p.proisstrict, false)::text AS strict,
    NULLIF(p.prosecdef, false)::text AS security_definer,
    NULLIF(p.proleakproof, false)::text AS leakproof,
    NULLIF(p.proparallel, 'u')::text AS parallel,
    p.procost::text AS cost,
    NULLIF(p.prorows, 0)::text AS rows,
    NULLIF(p.prosupport, 0)::regproc::text AS support,
    (SELECT string_agg(item, ', ' ORDER BY place)
     FROM unnest(p.proconfig) WITH ORDINALITY AS setting (item, place)) AS settings,
    (SELECT string_agg(item::regtype::text, ', ' ORDER BY place)
     FROM unnest(p.protrftypes) WITH ORDINALITY AS type (item, place)) AS transforms,
    CASE p.prokind WHEN 'a' THEN (
        SELECT concat_ws(' ', g.aggkind, g.aggnumdirectargs, g.aggtransfn, g.aggfinalfn,
            g.aggcombinefn, g.aggserialfn, g.aggdeserialfn, g.aggmtransfn, g.aggminvtransfn,
            g.aggmfinalfn, g.aggfinalextra, g.aggmfinalextra, g.aggfinalmodify, g.aggmfinalmodify,
            g.aggsortop::regoperator, g.aggtranstype::regtype, g.aggtransspace,
            g.aggmtranstype::regtype, g.aggmtransspace, 'initial', quote_nullable(g.agginitval),
            quote_nullable(g.aggminitval))
        FROM pg_aggregate AS g WHERE g.aggfnoid = p.oid
    ) END AS definition,
    CASE WHEN p.proacl IS NOT NULL THEN (
        SELECT NULLIF(coalesce(string_agg(item::text, ', ' ORDER BY item::text), 'none'), (
            SELECT string_agg(item::text, ', ' ORDER BY item::text)
            FROM unnest(acldefault('f', p.proowner)) AS item
        ))
        FROM unnest(p.proacl) AS item
    ) END AS privileges,
    (SELECT description FROM pg_description
     WHERE objoid = p.oid AND classoid = 'pg_proc'::regclass AND objsubid = 0) AS comment
FROM pg_proc AS p
JOIN pg_language AS l ON l.oid = p.prolang
WHERE p.oid = ANY ($1)
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')
