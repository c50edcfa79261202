-- migrate:up
UPDATE people SET name = lower(name);

-- migrate:down
