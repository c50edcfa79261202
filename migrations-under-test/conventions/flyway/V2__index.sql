CREATE INDEX CONCURRENTLY orders_person ON ${area}.orders (person);
