CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE TABLE people (id bigserial PRIMARY KEY, name text NOT NULL, mood mood NOT NULL DEFAULT 'glad');
