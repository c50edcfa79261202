-- +migrate Up
-- +migrate StatementBegin
CREATE FUNCTION shout(what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN upper(what) || ';';
END;
$$;
-- +migrate StatementEnd

-- +migrate Down
DROP FUNCTION shout;
