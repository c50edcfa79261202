//! Whose migrations a folder holds.

use super::conventions::{self, names};
use super::folder::Folder;
use super::{Convention, LineageError};

/// Whose a folder is, and why.
pub(super) struct Detected {
    pub(super) convention: Convention,
    pub(super) reason: String,
}

/// What kinds of tools tell apart by a single file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    Goose,
    SqlMigrate,
    Dbmate,
    Diesel,
    /// `V1__name.sql`.
    Versioned,
    /// `1_name.up.sql`.
    Pairs,
    /// Any other `.sql` file.
    Bare,
}

impl Family {
    fn name(self) -> &'static str {
        match self {
            Self::Goose => "goose",
            Self::SqlMigrate => "sql-migrate",
            Self::Dbmate => "dbmate",
            Self::Diesel => "diesel",
            Self::Versioned => "Flyway or refinery",
            Self::Pairs => "pairs of up and down",
            Self::Bare => "plain files",
        }
    }
}

/// Whose a folder is, if there is any migration in it.
///
/// # Errors
/// It holds several tools' migrations, or a file cannot be read.
pub(super) fn detect(folder: &Folder) -> Result<Option<Detected>, LineageError> {
    if let Some(reason) = drizzle_sign(folder)? {
        return Ok(Some(Detected { convention: Convention::Drizzle, reason }));
    }
    let mut claims = Vec::new();
    for file in folder.all() {
        if let Some(family) = family(folder, file)? {
            claims.push((family, file));
        }
    }
    // What lies in the folder itself says more than what lies below.
    if claims.iter().any(|(family, file)| *family != Family::Bare && !file.contains('/')) {
        claims.retain(|(_, file)| !file.contains('/'));
    }
    claims.sort_unstable();
    let mut one_each = claims.clone();
    one_each.dedup_by_key(|(family, _)| *family);
    // A stray bare file among others is one that the tool passes over.
    let families: Vec<_> = one_each.iter().filter(|(family, _)| *family != Family::Bare).collect();
    if families.len() > 1 {
        let claims =
            families.iter().map(|(family, file)| format!("{} ({file})", family.name())).collect();
        return Err(LineageError::Mixed { path: folder.path().to_owned(), claims });
    }
    let Some((family, example)) = families.first().copied().or(one_each.first()) else {
        return Ok(None);
    };
    let own: Vec<&str> =
        claims.iter().filter(|(other, _)| other == family).map(|(_, file)| *file).collect();
    Ok(Some(decide(folder, *family, example, &own)))
}

/// A journal of migrations of PostgreSQL's.
fn drizzle_sign(folder: &Folder) -> Result<Option<String>, LineageError> {
    if !folder.has(conventions::JOURNAL) {
        return Ok(None);
    }
    let text = folder.text(conventions::JOURNAL)?;
    let of_ours = text.contains("\"postgresql\"") || text.contains("\"pg\"");
    Ok(of_ours.then(|| format!("{} names the files, as drizzle's do", conventions::JOURNAL)))
}

fn family(folder: &Folder, file: &str) -> Result<Option<Family>, LineageError> {
    let (parent, name) = file.rsplit_once('/').unwrap_or(("", file));
    let in_own_folder = !parent.is_empty() && !parent.contains('/');
    match name {
        "up.sql" if in_own_folder => return Ok(Some(Family::Diesel)),
        "migration.sql" if in_own_folder => return Ok(Some(Family::Bare)),
        _ => {}
    }
    if conventions::versioned_name(name).is_some() {
        return Ok(Some(Family::Versioned));
    }
    if !parent.is_empty() || !has_ending(name, ".sql") {
        return Ok(None);
    }
    // A name says more than a mark that an earlier tool left in the file.
    if has_ending(name, ".up.sql") || has_ending(name, ".down.sql") {
        return Ok(Some(Family::Pairs));
    }
    let text = folder.text(file)?;
    Ok(Some(if text.lines().any(|line| is_mark(line, "+goose Up")) {
        Family::Goose
    } else if text.lines().any(|line| is_mark(line, "+migrate Up")) {
        Family::SqlMigrate
    } else if text.lines().any(|line| is_mark(line, "migrate:up")) {
        Family::Dbmate
    } else {
        Family::Bare
    }))
}

fn has_ending(name: &str, ending: &str) -> bool {
    name.len() > ending.len() && name.ends_with(ending)
}

/// Whether a line is a comment that begins with this mark.
fn is_mark(line: &str, mark: &str) -> bool {
    let said = line.strip_prefix("--").map(str::trim_start).unwrap_or_default();
    said.get(..mark.len()).is_some_and(|start| start.eq_ignore_ascii_case(mark))
}

fn decide(folder: &Folder, family: Family, example: &str, files: &[&str]) -> Detected {
    let (convention, reason) = match family {
        Family::Goose => (Convention::Goose, format!("{example} is annotated with `+goose Up`")),
        Family::SqlMigrate => {
            (Convention::SqlMigrate, format!("{example} is annotated with `+migrate Up`"))
        }
        Family::Dbmate => (Convention::Dbmate, format!("{example} is annotated with `migrate:up`")),
        Family::Diesel => (Convention::Diesel, format!("a folder a migration, as {example}")),
        Family::Versioned => versioned(folder, example, files),
        Family::Pairs => pairs(folder, example, files),
        Family::Bare => bare(folder, example, files),
    };
    Detected { convention, reason }
}

fn versioned(folder: &Folder, example: &str, files: &[&str]) -> (Convention, String) {
    let code = folder.all().find(|file| {
        file.strip_suffix(".rs")
            .is_some_and(|stem| conventions::versioned_name(&format!("{stem}.sql")).is_some())
    });
    if let Some(code) = code {
        return (Convention::Refinery, format!("names as {example}, and {code} is Rust"));
    }
    let dotted = files.iter().find(|file| file.starts_with("R__"));
    if let (None, Some(cargo)) = (dotted, project_file(folder, "Cargo.toml", "refinery")) {
        return (Convention::Refinery, format!("names as {example}, and {cargo} names refinery"));
    }
    (Convention::Flyway, format!("names as {example}"))
}

/// Pairs are golang-migrate's or sqlx's, unless their numbers are such as neither takes.
fn pairs(folder: &Folder, example: &str, files: &[&str]) -> (Convention, String) {
    if let Some(bare) = bare_among_ups(folder, files) {
        let reason = format!("{example} and {bare} are numbered alike and nothing is a down");
        return (Convention::Plain, reason);
    }
    let ups: Vec<_> = files.iter().filter(|file| file.ends_with(".up.sql")).collect();
    let unnumbered = ups.iter().find(|file| names::pair(file).is_none());
    if let Some(file) = unnumbered {
        return (
            Convention::SortedUp,
            format!(
                "pairs as {example}, but {file} has no plain number, so its order is the name's"
            ),
        );
    }
    let mut numbers: Vec<_> = ups
        .iter()
        .filter_map(|file| names::pair(file).map(|pair| (names::value(pair.number), file)))
        .collect();
    numbers.sort_unstable();
    if let Some(twice) = numbers.windows(2).find(|two| two[0].0 == two[1].0) {
        return (
            Convention::SortedUp,
            format!(
                "pairs as {example}, but {} and {} share a number, so their order is the name's",
                twice[0].1, twice[1].1
            ),
        );
    }
    let go_pg = |file: &&&&str| {
        names::pair(file).is_some_and(|pair| pair.name.ends_with(conventions::IN_TRANSACTION))
    };
    if let Some(marked) = ups.iter().find(go_pg) {
        let reason = format!("{marked} is named as go-pg/migrations runs it in a transaction");
        return (Convention::GoPg, reason);
    }
    match sqlx_sign(folder, example) {
        Some(reason) => (Convention::Sqlx, reason),
        None => (Convention::GolangMigrate, format!("pairs as {example}")),
    }
}

/// A file without `.up` where no file is a `.down.sql` and more than a stray one has a number only:
/// a project that gave up the ending on its way has a runner that does not look at it.
fn bare_among_ups<'a>(folder: &'a Folder, files: &[&str]) -> Option<&'a str> {
    let one_way = files.iter().all(|file| file.ends_with(".up.sql"));
    let is_bare = |file: &&str| {
        has_ending(file, ".sql") && !files.contains(file) && names::numbered(file).is_some()
    };
    let bare: Vec<&str> = folder.top().filter(is_bare).collect();
    bare.first().copied().filter(|_| one_way && bare.len() * 10 > files.len())
}

fn bare(folder: &Folder, example: &str, files: &[&str]) -> (Convention, String) {
    if files.iter().all(|file| names::unprefixed_name(file).is_some()) {
        let reason = format!("names as {example}, as Flyway takes them without a prefix");
        return (Convention::Flyway, reason);
    }
    // Prisma's numbers are of folders, and times as sqlx's are.
    let numbered = files.iter().all(|file| !file.contains('/') && names::numbered(file).is_some());
    let sign = || sqlx_sign(folder, example).or_else(|| sqlx_times(example, files));
    match numbered.then(sign).flatten() {
        Some(reason) => (Convention::Sqlx, reason),
        None => (Convention::Plain, format!("files as {example}, which no tool marks as its own")),
    }
}

/// What shows that numbered files are sqlx's, where their names are any tool's.
fn sqlx_sign(folder: &Folder, example: &str) -> Option<String> {
    let mut sql = folder.top().filter(|file| file.ends_with(".sql"));
    let marked =
        |file: &&str| folder.text(file).is_ok_and(|text| text.starts_with("-- no-transaction"));
    if let Some(marked) = sql.find(marked) {
        return Some(format!("{marked} begins with sqlx's `-- no-transaction`"));
    }
    let cargo = project_file(folder, "Cargo.toml", "sqlx")?;
    Some(format!("names as {example}, and {cargo} names sqlx"))
}

/// Numbers that are all times to the second, each another, as sqlx makes them.
fn sqlx_times(example: &str, files: &[&str]) -> Option<String> {
    const DIGITS: usize = "YYYYMMDDhhmmss".len();
    let mut times: Vec<&str> = files
        .iter()
        .map(|file| names::numbered(file).map(|(number, _)| number))
        .collect::<Option<_>>()?;
    times.sort_unstable();
    let distinct = times.windows(2).all(|two| two[0] != two[1]);
    (distinct && times.iter().all(|time| time.len() == DIGITS))
        .then(|| format!("numbers of {DIGITS} digits as in {example}, as sqlx makes them"))
}

/// The file of that name in the two folders above, if it says the word. What lies further up may
/// belong to another project.
fn project_file(folder: &Folder, name: &str, word: &str) -> Option<String> {
    let path = std::path::absolute(folder.path()).ok()?;
    let mut above = path.ancestors().skip(1).take(2).map(|above| above.join(name));
    let text = above.find_map(|file| std::fs::read_to_string(file).ok())?;
    text.contains(word).then(|| format!("the project's {name}"))
}
