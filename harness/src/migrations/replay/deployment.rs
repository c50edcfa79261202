//! What a migration lacks that a deployment usually makes before the first one.

use super::Refusal;
use crate::environment::postgres::binaries::VARIABLE;
use crate::migrations::catalog::Catalog;

/// Extensions by words of their own that migrations use.
const EXTENSIONS: [(&str, &[&str]); 9] = [
    ("citext", &["citext"]),
    ("hstore", &["hstore"]),
    ("ltree", &["ltree"]),
    ("pg_trgm", &["gin_trgm_ops", "gist_trgm_ops", "similarity", "word_similarity"]),
    ("pgcrypto", &["crypt", "digest", "gen_random_bytes", "gen_salt", "hmac"]),
    ("postgis", &["geography", "geometry"]),
    ("unaccent", &["unaccent"]),
    ("uuid-ossp", &["uuid_generate_v1", "uuid_generate_v1mc", "uuid_generate_v4"]),
    ("vector", &["halfvec", "vector", "vector_cosine_ops", "vector_l2_ops"]),
];
const FEATURE_NOT_SUPPORTED: &str = "0A000";

/// What to do about a refusal beside mending the migration, where its words show it.
pub fn advice(refusal: &Refusal) -> Option<String> {
    let missing = refusal.message.split(" does not exist").next()?;
    if let Some(extension) = between(&refusal.message, "extension \"", "\" is not available") {
        return (refusal.sqlstate == FEATURE_NOT_SUPPORTED).then(|| {
            format!(
                "install the package that brings the extension {extension} to this machine's \
                 PostgreSQL, or name another PostgreSQL's folder of programs in {VARIABLE}"
            )
        });
    }
    if missing.len() == refusal.message.len() {
        return None;
    }
    let name = between(missing, "\"", "\"").or_else(|| between(missing, "function ", "("))?;
    let statement = match refusal.sqlstate.as_str() {
        "42704" if missing.starts_with("role ") => format!("CREATE ROLE \"{name}\";"),
        "3F000" => format!("CREATE SCHEMA \"{name}\";"),
        "42704" | "42883" => format!("CREATE EXTENSION \"{}\";", extension_of(name)?),
        _ => return None,
    };
    Some(format!(
        "if the deployment makes it before the first migration, write that into lineage.toml in or \
         beside the folder: prelude = '{statement}'; else mend the migration"
    ))
}

/// The same about a table that was not found by its name alone, and stands in a schema of its own.
pub fn advice_on_schema(refusal: &Refusal, head: &Catalog) -> Option<String> {
    let name = between(&refusal.message, "relation \"", "\" does not exist")?;
    let stands_elsewhere = |key: &str| {
        let (schema, own) = key.split_once('.')?;
        (own == name && schema != "public").then(|| schema.to_owned())
    };
    let schema = head
        .objects()
        .iter()
        .filter(|object| object.key.of.is_empty())
        .find_map(|object| stands_elsewhere(&object.key.name))?;
    Some(format!(
        "it is there as {schema}.{name}: if the deployment sets a search_path, write that into \
         lineage.toml in or beside the folder: prelude = 'SET search_path = {schema}, public;'; \
         else mend the migration"
    ))
}

fn extension_of(name: &str) -> Option<&'static str> {
    let own = name.rsplit('.').next().unwrap_or(name).trim_end_matches("[]");
    let of_it = |(_, words): &&(&str, &[&str])| words.contains(&own);
    EXTENSIONS.iter().find(of_it).map(|(extension, _)| *extension)
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(inner, _)| inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advised(sqlstate: &str, message: &str) -> Option<String> {
        advice(&Refusal {
            sqlstate: sqlstate.to_owned(),
            message: message.to_owned(),
            detail: None,
            object: super::super::Object::default(),
            position: None,
            lost: false,
        })
    }

    #[test]
    fn what_deployments_make_is_told_as_the_line_that_makes_it() {
        for (sqlstate, message, expected) in [
            ("42704", "role \"app\" does not exist", "CREATE ROLE \"app\";"),
            ("3F000", "schema \"auth\" does not exist", "CREATE SCHEMA \"auth\";"),
            (
                "42704",
                "operator class \"gin_trgm_ops\" does not exist for access method \"gin\"",
                "CREATE EXTENSION \"pg_trgm\";",
            ),
            (
                "42883",
                "function public.uuid_generate_v4() does not exist",
                "CREATE EXTENSION \"uuid-ossp\";",
            ),
            ("42704", "type \"citext[]\" does not exist", "CREATE EXTENSION \"citext\";"),
            ("0A000", "extension \"vector\" is not available", "brings the extension vector"),
        ] {
            let advice = advised(sqlstate, message).unwrap_or_default();
            assert!(advice.contains(expected), "{message}: {advice}");
        }
    }

    #[test]
    fn nothing_is_made_up() {
        for (sqlstate, message) in [
            ("42P01", "relation \"person\" does not exist"),
            ("42704", "type \"state\" does not exist"),
            ("42883", "function refuse() does not exist"),
            ("42601", "syntax error at or near \"TABL\""),
        ] {
            assert_eq!(advised(sqlstate, message), None, "{message}");
        }
    }
}
