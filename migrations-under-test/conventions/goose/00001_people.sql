-- What everybody needs.

-- +goose Up
CREATE TABLE people (id bigserial PRIMARY KEY, name text NOT NULL);
INSERT INTO people (name) VALUES ('one'); INSERT INTO people (name) VALUES ('two');

-- +goose Down
DROP TABLE people;
