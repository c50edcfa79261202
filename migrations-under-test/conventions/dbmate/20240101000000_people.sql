-- People.

-- migrate:up
CREATE TABLE people (id bigserial PRIMARY KEY, name text NOT NULL);
CREATE TABLE orders (id bigserial PRIMARY KEY, person bigint REFERENCES people (id) ON DELETE CASCADE);

-- migrate:down
DROP TABLE orders;
DROP TABLE people;
