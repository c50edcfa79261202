SELECT c.oid AS unit, 'constraint' AS kind,
    CASE WHEN c.conrelid <> 0 THEN c.conrelid::regclass::text ELSE c.contypid::regtype::text END
        AS of,
    quote_ident(c.conname) AS name,
    NULLIF(c.conrelid, 0) AS relation,
    pg_get_constraintdef(c.oid) AS definition,
    NULLIF(c.convalidated, true)::text AS valid,
    CASE WHEN c.coninhcount > 0 THEN
        CASE WHEN c.conislocal THEN 'merged with a local one' ELSE 'only' END
    END AS inherited,
    (SELECT description FROM pg_description
     WHERE objoid = c.oid AND classoid = 'pg_constraint'::regclass AND objsubid = 0) AS comment
FROM pg_constraint AS c
WHERE c.oid = ANY ($1) AND c.contype <> 't'
    -- Newer releases make each NOT NULL a constraint; its column says all of an ordinary one.
    AND CASE WHEN c.contype = 'n' THEN
        NOT c.convalidated OR c.connoinherit OR NOT EXISTS (
            SELECT FROM pg_attribute AS a JOIN pg_class AS r ON r.oid = a.attrelid
            WHERE a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
                AND c.conname = r.relname || '_' || a.attname || '_not_null'
            UNION ALL
            SELECT FROM pg_type AS t
            WHERE t.oid = c.contypid AND c.conname = t.typname || '_not_null')
    ELSE true END
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_type'::regclass AND d.objid = c.contypid AND d.deptype = 'e')
