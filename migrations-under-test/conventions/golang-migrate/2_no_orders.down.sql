DROP FUNCTION count_orders;
DROP TABLE orders;
