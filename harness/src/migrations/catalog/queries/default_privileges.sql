SELECT d.oid AS unit, 'default privileges' AS kind,
    CASE d.defaclnamespace WHEN 0 THEN '' ELSE d.defaclnamespace::regnamespace::text END AS of,
    CASE d.defaclobjtype
        WHEN 'r' THEN 'tables'
        WHEN 'S' THEN 'sequences'
        WHEN 'f' THEN 'functions'
        WHEN 'T' THEN 'types'
        WHEN 'n' THEN 'schemas'
        ELSE 'large objects'
    END || ' by ' || d.defaclrole::regrole AS name,
    coalesce((
        SELECT string_agg(item::text, ', ' ORDER BY item::text) FROM unnest(d.defaclacl) AS item
    ), 'none') AS privileges
FROM pg_default_acl AS d
WHERE d.oid = ANY ($1)
