-- By its name alone this one would come first.
CREATE TABLE orders (id serial PRIMARY KEY, person integer NOT NULL REFERENCES people (id) ON DELETE CASCADE);
