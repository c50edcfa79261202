-- +refinery NO TRANSACTION
CREATE INDEX CONCURRENTLY people_name ON people (name);
CREATE INDEX CONCURRENTLY people_note ON people (note);
