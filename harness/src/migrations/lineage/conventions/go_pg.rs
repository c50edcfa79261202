//! go-pg/migrations: pairs, each file sent at once, in a transaction with its record if its name ends
//! in `.tx.up.sql` or `.tx.down.sql`.

use super::{Context, Reading, pairs};
use crate::migrations::lineage::{LineageError, Wrapping};

/// What stands in the name of a file that runs in a transaction, before its direction.
pub(in crate::migrations::lineage) const IN_TRANSACTION: &str = ".tx";

pub(super) fn read(context: &Context<'_>) -> Result<Reading, LineageError> {
    let mut reading = pairs::read(context, "go-pg/migrations", |file| {
        let marked = [".up.sql", ".down.sql"]
            .iter()
            .filter_map(|direction| file.strip_suffix(direction))
            .any(|stem| stem.ends_with(IN_TRANSACTION));
        if marked { Wrapping::Transaction } else { Wrapping::Together }
    })?;
    for migration in &mut reading.migrations {
        let name = migration.name.trim_end_matches(IN_TRANSACTION).to_owned();
        migration.name = name;
    }
    Ok(reading)
}
