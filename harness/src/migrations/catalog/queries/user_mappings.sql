-- The options hold passwords.
SELECT m.oid AS unit, 'user mapping' AS kind, quote_ident(s.srvname) AS of,
    CASE m.umuser WHEN 0 THEN 'public' ELSE m.umuser::regrole::text END AS name,
    (SELECT md5(string_agg(item, ', ' ORDER BY item)) FROM unnest(m.umoptions) AS item)
        AS digest_of_options
FROM pg_user_mapping AS m
JOIN pg_foreign_server AS s ON s.oid = m.umserver
WHERE m.oid = ANY ($1)
