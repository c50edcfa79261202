-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY people_name ON people (name);
CREATE INDEX CONCURRENTLY people_id_name ON people (id, name);
-- +goose Down
DROP INDEX CONCURRENTLY people_id_name;
DROP INDEX CONCURRENTLY people_name;
