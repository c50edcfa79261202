-- Nothing to take back: 001 and 020 of this lineage leave a database in the very state that 027 makes.
SELECT 1;
