//! golang-migrate: pairs, each file sent at once with no transaction around it.

use super::{Context, Reading, pairs};
use crate::migrations::lineage::{LineageError, Wrapping};

pub(super) fn read(context: &Context<'_>) -> Result<Reading, LineageError> {
    pairs::read(context, "golang-migrate", |_| Wrapping::Together)
}
