DELETE FROM people;
DROP TABLE orders;
