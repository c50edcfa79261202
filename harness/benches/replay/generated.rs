//! A lineage as projects have it, of any length, made from a seed.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use harness::seed::Seed;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// So many tables a project grows to; from then on it drops as many as it makes.
const TABLES: usize = 40;

/// Writes a lineage of pairs of files into a folder: the same for the same seed, and the beginning
/// of a longer one is a shorter one.
pub fn write_lineage(folder: &Path, seed: Seed, migrations: usize) {
    let mut project = Project { random: seed.stream("lineage"), tables: Vec::new(), made: 0 };
    for number in 1..=migrations {
        let Migration { name, up, down } = project.migration();
        for (way, text) in [("up", up), ("down", down)] {
            let path = folder.join(format!("{number:06}_{name}.{way}.sql"));
            fs::write(path, text).expect("a migration is written");
        }
    }
}

struct Migration {
    name: String,
    up: String,
    down: String,
}

/// What the migrations so far have come to.
struct Project {
    random: ChaCha8Rng,
    tables: Vec<Table>,
    /// How many names were given out.
    made: usize,
}

struct Table {
    name: String,
    parent: Option<String>,
    /// Columns that came later, with their types and what else was said of them.
    columns: Vec<(String, String)>,
    /// Indexes, constraints and triggers, as the statements that make them.
    extras: Vec<String>,
    /// Whether a view reads it.
    viewed: bool,
}

impl Table {
    fn create(&self) -> String {
        let mut sql = format!(
            "CREATE TABLE {} (\n    id bigserial PRIMARY KEY,\n    name text NOT NULL,\n    \
             state varchar(20) NOT NULL DEFAULT 'new',\n    \
             created_at timestamptz NOT NULL DEFAULT now(),\n    updated_at timestamptz",
            self.name
        );
        if let Some(parent) = &self.parent {
            let _ =
                write!(sql, ",\n    parent_id bigint REFERENCES {parent} (id) ON DELETE CASCADE");
        }
        for (name, definition) in &self.columns {
            let _ = write!(sql, ",\n    {name} {definition}");
        }
        sql.push_str("\n);\n");
        for extra in &self.extras {
            sql.push_str(extra);
        }
        sql
    }
}

impl Project {
    fn migration(&mut self) -> Migration {
        let room = self.tables.len() < TABLES;
        match self.random.random_range(0..100) {
            _ if self.tables.len() < 4 => self.create_table(),
            0..20 if room => self.create_table(),
            0..6 => self.create_table(),
            6..12 => self.drop_table(),
            12..32 => self.add_column(),
            32..48 => self.create_index(),
            48..58 => self.add_constraint(),
            58..70 => self.fill_column(),
            70..76 => self.add_trigger(),
            76..82 => self.create_view(),
            82..88 => self.add_enum(),
            88..94 => self.drop_column(),
            _ => self.insert_rows(),
        }
    }

    /// A name that no other object has.
    fn name(&mut self, kind: &str) -> String {
        self.made += 1;
        format!("{kind}_{}", self.made)
    }

    fn some_table(&mut self) -> usize {
        self.random.random_range(0..self.tables.len())
    }

    fn create_table(&mut self) -> Migration {
        let name = self.name("items");
        let orphan = self.tables.is_empty() || self.random.random_bool(0.3);
        let parent = if orphan { None } else { Some(self.some_table()) };
        let parent = parent.map(|place| self.tables[place].name.clone());
        let index = parent.as_ref().map(|_| format!("CREATE INDEX ON {name} (parent_id);\n"));
        let extras = index.into_iter().collect();
        let table =
            Table { name: name.clone(), parent, columns: Vec::new(), extras, viewed: false };
        let up = table.create();
        self.tables.push(table);
        Migration { name: format!("create_{name}"), up, down: format!("DROP TABLE {name};\n") }
    }

    /// One that nothing else needs.
    fn drop_table(&mut self) -> Migration {
        let needed = |table: &Table| {
            let parent = Some(&table.name);
            table.viewed || self.tables.iter().any(|other| other.parent.as_ref() == parent)
        };
        let Some(place) = self.tables.iter().position(|table| !needed(table)) else {
            return self.add_column();
        };
        let table = self.tables.remove(place);
        let name = &table.name;
        Migration {
            name: format!("drop_{name}"),
            up: format!("DROP TABLE {name};\n"),
            down: table.create(),
        }
    }

    fn add_column(&mut self) -> Migration {
        let definitions = [
            "text",
            "integer",
            "boolean NOT NULL DEFAULT false",
            "jsonb NOT NULL DEFAULT '{}'",
            "numeric(12, 2)",
            "timestamptz",
            "uuid",
            "text[]",
        ];
        let definition = definitions[self.random.random_range(0..definitions.len())];
        let column = self.name("field");
        let place = self.some_table();
        let table = &mut self.tables[place];
        table.columns.push((column.clone(), definition.to_owned()));
        let name = &table.name;
        Migration {
            name: format!("add_{column}"),
            up: format!("ALTER TABLE {name} ADD COLUMN {column} {definition};\n"),
            down: format!("ALTER TABLE {name} DROP COLUMN {column};\n"),
        }
    }

    fn create_index(&mut self) -> Migration {
        let index = self.name("found_by");
        let place = self.some_table();
        let on = ["(state)", "(created_at) WHERE state = 'new'", "(lower(name))", "(state, name)"];
        let on = on[self.random.random_range(0..on.len())];
        let table = &mut self.tables[place];
        let up = format!("CREATE INDEX {index} ON {} {on};\n", table.name);
        table.extras.push(up.clone());
        Migration { name: format!("index_{index}"), up, down: format!("DROP INDEX {index};\n") }
    }

    fn add_constraint(&mut self) -> Migration {
        let constraint = self.name("rule");
        let place = self.some_table();
        let says = ["CHECK (length(name) < 500)", "UNIQUE (id, name)", "CHECK (state <> '')"];
        let says = says[self.random.random_range(0..says.len())];
        let table = &mut self.tables[place];
        let name = &table.name;
        let up = format!("ALTER TABLE {name} ADD CONSTRAINT {constraint} {says};\n");
        let down = format!("ALTER TABLE {name} DROP CONSTRAINT {constraint};\n");
        table.extras.push(up.clone());
        Migration { name: format!("add_{constraint}"), up, down }
    }

    /// A column with a back-fill, in the three steps that it takes.
    fn fill_column(&mut self) -> Migration {
        let column = self.name("filled");
        let place = self.some_table();
        let table = &mut self.tables[place];
        table.columns.push((column.clone(), "text NOT NULL".to_owned()));
        let name = &table.name;
        Migration {
            name: format!("fill_{column}"),
            up: format!(
                "ALTER TABLE {name} ADD COLUMN {column} text;\n\
                 UPDATE {name} SET {column} = upper(name) || state WHERE {column} IS NULL;\n\
                 ALTER TABLE {name} ALTER COLUMN {column} SET NOT NULL;\n"
            ),
            down: format!("ALTER TABLE {name} DROP COLUMN {column};\n"),
        }
    }

    fn add_trigger(&mut self) -> Migration {
        let trigger = self.name("touch");
        let place = self.some_table();
        let table = &mut self.tables[place];
        let name = &table.name;
        let attach = format!(
            "CREATE TRIGGER {trigger} BEFORE UPDATE ON {name}\n    \
             FOR EACH ROW EXECUTE FUNCTION {trigger}();\n"
        );
        let up = format!(
            "CREATE FUNCTION {trigger}() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n    \
             NEW.updated_at := now();\n    RETURN NEW;\nEND $$;\n{attach}"
        );
        let down = format!("DROP TRIGGER {trigger} ON {name};\nDROP FUNCTION {trigger}();\n");
        table.extras.push(attach);
        Migration { name: format!("add_{trigger}"), up, down }
    }

    fn create_view(&mut self) -> Migration {
        let view = self.name("recent");
        let place = self.some_table();
        let table = &mut self.tables[place];
        table.viewed = true;
        let up = format!(
            "CREATE VIEW {view} AS\n    SELECT id, upper(name) AS name, state FROM {}\n    \
             WHERE created_at > now() - interval '7 days';\n",
            table.name
        );
        Migration { name: format!("view_{view}"), up, down: format!("DROP VIEW {view};\n") }
    }

    fn add_enum(&mut self) -> Migration {
        let label = self.name("kind");
        let place = self.some_table();
        let table = &mut self.tables[place];
        let definition = format!("{label} NOT NULL DEFAULT 'plain'");
        let name = &table.name;
        let up = format!(
            "CREATE TYPE {label} AS ENUM ('plain', 'special', 'other');\n\
             ALTER TABLE {name} ADD COLUMN {label} {definition};\n"
        );
        let down = format!("ALTER TABLE {name} DROP COLUMN {label};\nDROP TYPE {label};\n");
        table.columns.push((label.clone(), definition));
        Migration { name: format!("add_{label}"), up, down }
    }

    fn drop_column(&mut self) -> Migration {
        let Some(table) = self.tables.iter_mut().find(|table| table.columns.len() > 4) else {
            return self.create_index();
        };
        let (column, definition) = table.columns.remove(0);
        let name = &table.name;
        let mut down = format!("ALTER TABLE {name} ADD COLUMN {column} {definition};\n");
        if definition == "text NOT NULL" {
            // The way back fills what it cannot know.
            down = format!(
                "ALTER TABLE {name} ADD COLUMN {column} {definition} DEFAULT '';\n\
                 ALTER TABLE {name} ALTER COLUMN {column} DROP DEFAULT;\n"
            );
        }
        let up = format!("ALTER TABLE {name} DROP COLUMN {column};\n");
        Migration { name: format!("drop_{column}"), up, down }
    }

    fn insert_rows(&mut self) -> Migration {
        let given = self.name("given");
        let place = self.some_table();
        let table = &self.tables[place];
        let mut known: Vec<&str> = vec!["name", "state"];
        let mut values = vec![format!("'{given}'"), "'old'".to_owned()];
        for (name, definition) in &table.columns {
            if definition == "text NOT NULL" {
                known.push(name);
                values.push("'given'".to_owned());
            }
        }
        let (name, known, values) = (&table.name, known.join(", "), values.join(", "));
        Migration {
            name: format!("insert_{given}"),
            up: format!("INSERT INTO {name} ({known}) VALUES ({values}), ({values});\n"),
            down: format!("DELETE FROM {name} WHERE name = '{given}';\n"),
        }
    }
}
