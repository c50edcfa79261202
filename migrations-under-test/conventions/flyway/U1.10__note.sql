ALTER TABLE ${area}.orders DROP COLUMN note;
