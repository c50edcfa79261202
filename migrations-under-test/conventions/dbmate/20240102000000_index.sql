-- migrate:up transaction:false
CREATE INDEX CONCURRENTLY orders_person ON orders (person);

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY orders_person;
