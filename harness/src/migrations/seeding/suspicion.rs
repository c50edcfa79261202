//! Which rows a refusal is about, as far as PostgreSQL's words tell.

use super::kinship::{Kinship, RowId};
use super::reduce::Refusal;

/// Rows that a refusal may be about.
pub(super) struct Suspicion {
    pub rows: Vec<RowId>,
    /// Whether each of them is refused for itself, so that none needs to be tried again.
    pub certain: bool,
    /// Whether the refusal is about columns that the migration itself adds, so that it may be one
    /// of whatever the rows hold.
    pub of_new_columns: bool,
}

/// Suspicions, from the narrowest to all generated rows; each is worth trying only if the one
/// before did not explain the refusal.
pub(super) fn suspicions(kinship: &Kinship<'_>, refusal: &Refusal) -> Vec<Suspicion> {
    let table = refusal.table.as_ref().and_then(|name| kinship.oid_of(name));
    let named = kinship.named_in(&refusal.statement);
    let among: Vec<u32> = table.map_or_else(|| named.clone(), |table| vec![table]);
    let mut found = Vec::new();
    found.extend(by_words(kinship, refusal, &among));
    let of_tables = |tables: &[u32]| -> Vec<RowId> {
        tables.iter().flat_map(|&oid| kinship.generated_of(oid)).collect()
    };
    let vague = |rows| Suspicion { rows, certain: false, of_new_columns: false };
    found.push(vague(of_tables(&among)));
    found.push(vague(of_tables(&named)));
    found.push(vague(kinship.generated().into_iter().collect()));
    found.retain(|suspicion| !suspicion.rows.is_empty());
    found
}

fn by_words(kinship: &Kinship<'_>, refusal: &Refusal, among: &[u32]) -> Vec<Suspicion> {
    let of_tables = among.iter().filter_map(|&table| match refusal.sqlstate.as_str() {
        "23502" => nulls(kinship, refusal, table),
        "23503" | "23505" => keys(kinship, refusal, table),
        code if code.starts_with("22") => alike(kinship, refusal, table),
        _ => None,
    });
    of_tables.collect()
}

/// All rows with a NULL there; of a column that the migration itself adds, all rows.
fn nulls(kinship: &Kinship<'_>, refusal: &Refusal, table: u32) -> Option<Suspicion> {
    let column = refusal.column.as_ref()?;
    let rows = kinship.generated_of(table);
    let place = kinship.table(table).columns.iter().position(|(_, name)| name == column);
    let rows = match place {
        None => rows,
        Some(place) => rows
            .into_iter()
            .filter(|id| kinship.row(id).record.fields().get(place) == Some(&None))
            .collect(),
    };
    Some(Suspicion { rows, certain: place.is_some(), of_new_columns: place.is_none() })
}

/// The rows with the key that the detail names; of duplicates, all but the first.
fn keys(kinship: &Kinship<'_>, refusal: &Refusal, table: u32) -> Option<Suspicion> {
    let detail = refusal.detail.as_ref()?.strip_prefix("Key (")?;
    let (columns, rest) = detail.split_once(")=(")?;
    let (values, _) = rest.rsplit_once(") ")?;
    let names: Vec<&str> = columns.split(", ").map(|name| name.trim_matches('"')).collect();
    let shape = &kinship.table(table).columns;
    let places: Option<Vec<usize>> =
        names.iter().map(|name| shape.iter().position(|(_, own)| own == name)).collect();
    let Some(places) = places else {
        let is_new = |name: &&str| is_plain(name) && shape.iter().all(|(_, own)| own != name);
        let of_new_columns = names.iter().all(is_new);
        let rows = kinship.generated_of(table);
        return Some(Suspicion { rows, certain: false, of_new_columns });
    };
    let holds = |id: &RowId| {
        let fields = kinship.row(id).record.fields();
        let held: Vec<&str> = places
            .iter()
            .map(|&place| fields.get(place).copied().flatten().unwrap_or(""))
            .collect();
        held.join(", ") == values
    };
    let mut rows: Vec<RowId> = kinship.generated_of(table).into_iter().filter(holds).collect();
    if refusal.sqlstate == "23505" && rows.len() > 1 {
        rows.remove(0);
    }
    Some(Suspicion { rows, certain: true, of_new_columns: false })
}

fn is_plain(name: &str) -> bool {
    name.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
}

/// The rows that hold the value which could not be read, and those that look like it in the same
/// column.
fn alike(kinship: &Kinship<'_>, refusal: &Refusal, table: u32) -> Option<Suspicion> {
    let (_, rest) = refusal.message.split_once('"')?;
    let (value, _) = rest.rsplit_once('"')?;
    let rows = kinship.generated_of(table);
    let place = rows.iter().find_map(|id| {
        let fields = kinship.row(id).record.fields();
        fields.iter().position(|field| *field == Some(value))
    })?;
    let looks_alike = |id: &RowId| {
        let fields = kinship.row(id).record.fields();
        fields.get(place).copied().flatten().is_some_and(|field| looks(field) == looks(value))
    };
    let rows = rows.into_iter().filter(looks_alike).collect();
    Some(Suspicion { rows, certain: true, of_new_columns: false })
}

/// Letters and digits by their kind only, runs of one kind as one.
fn looks(text: &str) -> String {
    let kind = |letter: char| match letter {
        letter if letter.is_ascii_digit() => '9',
        letter if letter.is_alphabetic() => 'a',
        letter => letter,
    };
    let mut kinds: Vec<char> = text.chars().map(kind).collect();
    kinds.dedup();
    kinds.into_iter().collect()
}
