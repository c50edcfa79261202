CREATE TABLE ${area}.orders (id bigserial PRIMARY KEY, person bigint REFERENCES ${area}.people (id) ON DELETE CASCADE);
COPY ${area}.people (id, name) FROM STDIN;
1	one; two
2	three
\.
SELECT setval('${area}.people_id_seq', 2);
