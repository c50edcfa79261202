-- +migrate Up
CREATE TABLE people (id bigserial PRIMARY KEY, name text NOT NULL);

-- +migrate Down
DROP TABLE people;
