-- +goose Up
-- +goose ENVSUBST ON
COMMENT ON TABLE people IS 'belongs to ${OWNER:-nobody}, for $PURPOSE';
-- +goose ENVSUBST OFF
COMMENT ON COLUMN people.name IS 'costs $1';

-- +goose Down
COMMENT ON TABLE people IS NULL;
COMMENT ON COLUMN people.name IS NULL;
