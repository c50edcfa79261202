CREATE OR REPLACE VIEW ${area}.people_by_name AS SELECT * FROM ${area}.people ORDER BY name;
