COMMENT ON COLUMN ${area}.orders.note IS 'since ${flyway:filename}';
