CREATE INDEX CONCURRENTLY orders_person ON orders (person);
