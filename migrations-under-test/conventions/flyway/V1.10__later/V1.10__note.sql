ALTER TABLE ${area}.orders ADD COLUMN note text;
