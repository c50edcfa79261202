CREATE INDEX orders_person ON orders (person);
