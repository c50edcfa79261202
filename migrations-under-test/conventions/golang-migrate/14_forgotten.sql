CREATE TABLE forgotten (id bigint);
