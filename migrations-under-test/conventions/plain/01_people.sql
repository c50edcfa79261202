\ir shared/settings.sql

CREATE TABLE people (id bigint PRIMARY KEY, name text NOT NULL);
COPY people (id, name) FROM STDIN;
1	one; two
2	it's three
\.
