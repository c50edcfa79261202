CREATE TABLE orders (id bigserial PRIMARY KEY, person bigint NOT NULL REFERENCES people (id) ON DELETE CASCADE);

-- Semicolons in a body, a string and a comment; end nothing.
CREATE FUNCTION count_orders(of_person bigint) RETURNS bigint LANGUAGE plpgsql AS $body$
DECLARE
    found bigint;
BEGIN
    SELECT count(*) INTO found FROM orders WHERE person = of_person; -- ';'
    RETURN found;
END
$body$;
COMMENT ON FUNCTION count_orders IS 'counts; it''s all';
