-- +migrate Up
COMMENT ON INDEX people_name IS 'this one has no number, so it comes last';
-- +migrate Down
-- nothing to do
