CREATE TABLE orders (id bigserial PRIMARY KEY, person bigint REFERENCES people (id) ON DELETE CASCADE);
INSERT INTO people (name) VALUES ('somebody; anybody');
