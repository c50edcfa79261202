CREATE SCHEMA ${area};
CREATE TABLE ${area}.people (id bigserial PRIMARY KEY, name text NOT NULL);
-- ${nobody_knows_me} stands in a comment and harms nobody.
