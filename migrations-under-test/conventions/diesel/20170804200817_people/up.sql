CREATE TABLE people (id serial PRIMARY KEY, name varchar NOT NULL, updated_at timestamp NOT NULL DEFAULT now());
CREATE TRIGGER set_updated_at BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION set_updated_at();
