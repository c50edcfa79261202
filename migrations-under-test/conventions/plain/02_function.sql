BEGIN;
CREATE FUNCTION name_of(wanted bigint) RETURNS text
BEGIN ATOMIC
    SELECT CASE WHEN wanted IS NULL THEN 'nobody' ELSE (SELECT name FROM people WHERE id = wanted) END;
END;
COMMIT;
VACUUM people;
