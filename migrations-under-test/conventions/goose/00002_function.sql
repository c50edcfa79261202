-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION shout(what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN upper(what) || ';';
END;
$$;
-- +goose StatementEnd
ALTER TABLE people
    ADD COLUMN loud text; -- a comment behind the semicolon

-- +goose Down
ALTER TABLE people DROP COLUMN loud;
DROP FUNCTION shout;
