-- Every sequence of the user's schemas with its value.
SELECT schemaname, sequencename, coalesce(last_value::text, 'not used') FROM pg_sequences
WHERE schemaname <> 'information_schema' AND schemaname NOT LIKE 'pg\_%'
