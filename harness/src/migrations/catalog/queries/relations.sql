SELECT c.oid AS unit,
    CASE c.relkind
        WHEN 'r' THEN 'table'
        WHEN 'p' THEN 'table'
        WHEN 'v' THEN 'view'
        WHEN 'm' THEN 'materialized view'
        WHEN 'f' THEN 'foreign table'
        WHEN 'S' THEN 'sequence'
        ELSE 'index'
    END AS kind,
    '' AS of,
    c.oid::regclass::text AS name,
    i.indrelid AS relation,
    CASE WHEN c.relkind IN ('i', 'I') THEN NULL ELSE c.relowner::regrole::text END AS owner,
    NULLIF(c.relpersistence, 'p')::text AS persistence,
    NULLIF(a.amname, 'heap')::text AS access_method,
    CASE WHEN c.reltablespace <> 0 THEN (
        SELECT spcname::text FROM pg_tablespace WHERE oid = c.reltablespace
    ) END AS tablespace,
    CASE WHEN c.reloptions IS NOT NULL THEN (
        SELECT string_agg(item, ', ' ORDER BY item) FROM unnest(c.reloptions) AS item
    ) END AS options,
    CASE WHEN c.reltoastrelid <> 0 THEN (
        SELECT string_agg(item, ', ' ORDER BY item)
        FROM pg_class AS toast, unnest(toast.reloptions) AS item
        WHERE toast.oid = c.reltoastrelid
    ) END AS toast_options,
    CASE WHEN c.reloftype <> 0 THEN c.reloftype::regtype::text END AS of_type,
    CASE WHEN c.relispartition OR c.relkind IN ('r', 'f') THEN (
        SELECT string_agg(inhparent::regclass::text, ', ' ORDER BY inhseqno)
        FROM pg_inherits WHERE inhrelid = c.oid
    ) END AS inherits,
    CASE c.relkind WHEN 'p' THEN pg_get_partkeydef(c.oid) END AS partitioned_by,
    pg_get_expr(c.relpartbound, c.oid) AS partition_bound,
    NULLIF(c.relrowsecurity, false)::text AS row_security,
    NULLIF(c.relforcerowsecurity, false)::text AS forced_row_security,
    CASE WHEN c.relkind IN ('r', 'p', 'm') THEN NULLIF(c.relreplident, 'd')::text END
        AS replica_identity,
    CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END AS definition,
    CASE WHEN c.relkind = 'm' THEN NULLIF(c.relispopulated, true)::text END AS populated,
    i.indrelid::regclass::text AS table,
    CASE WHEN i.indexrelid IS NOT NULL THEN pg_get_indexdef(c.oid) END AS index_definition,
    NULLIF(i.indisvalid AND i.indisready AND i.indislive, true)::text AS valid,
    NULLIF(i.indisclustered, false)::text AS clustered,
    NULLIF(i.indisreplident, false)::text AS is_replica_identity,
    -- Only expressions have a target of their own.
    CASE WHEN i.indexprs IS NOT NULL THEN (
        SELECT string_agg(attnum || ' at ' || attstattarget, ', ' ORDER BY attnum)
        FROM pg_attribute WHERE attrelid = c.oid AND attstattarget >= 0
    ) END AS statistics_targets,
    format_type(s.seqtypid, NULL) AS type,
    s.seqstart::text AS start,
    s.seqincrement::text AS increment,
    s.seqmin::text AS minimum,
    s.seqmax::text AS maximum,
    s.seqcache::text AS cache,
    NULLIF(s.seqcycle, false)::text AS cycle,
    CASE WHEN c.relkind = 'S' THEN (
        SELECT refobjid::regclass::text FROM pg_depend
        WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype IN ('a', 'i')
            AND refclassid = 'pg_class'::regclass AND refobjsubid > 0
    ) END AS owned_by_table,
    CASE WHEN c.relkind = 'S' THEN (
        SELECT quote_ident(attname)
        FROM pg_depend AS d
        JOIN pg_attribute ON attrelid = d.refobjid AND attnum = d.refobjsubid
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
            AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
    ) END AS owned_by_column,
    CASE WHEN c.relkind = 'f' THEN (
        SELECT quote_ident(srvname)
        FROM pg_foreign_table
        JOIN pg_foreign_server ON pg_foreign_server.oid = ftserver
        WHERE ftrelid = c.oid
    ) END AS server,
    CASE WHEN c.relkind = 'f' THEN (
        SELECT string_agg(item, ', ' ORDER BY item)
        FROM pg_foreign_table, unnest(ftoptions) AS item
        WHERE ftrelid = c.oid
    ) END AS foreign_options,
    CASE WHEN c.relkind IN ('r', 'p', 'v', 'm', 'f') THEN (
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
        FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
    ) END AS columns,
    CASE WHEN c.relacl IS NOT NULL THEN (
        SELECT NULLIF(coalesce(string_agg(item::text, ', ' ORDER BY item::text), 'none'), (
            SELECT string_agg(item::text, ', ' ORDER BY item::text)
            FROM unnest(acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, c.relowner)) AS item
        ))
        FROM unnest(c.relacl) AS item
    ) END AS privileges,
    (SELECT description FROM pg_description
     WHERE objoid = c.oid AND classoid = 'pg_class'::regclass AND objsubid = 0) AS comment
FROM pg_class AS c
LEFT JOIN pg_am AS a ON a.oid = c.relam AND c.relkind IN ('r', 'm', 'p')
LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
LEFT JOIN pg_sequence AS s ON s.seqrelid = c.oid
WHERE c.oid = ANY ($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'i', 'I')
