CREATE OR REPLACE VIEW ${area}.counts AS SELECT count(*) FROM ${area}.people;
