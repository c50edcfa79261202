//! Proves the catalog's reader against PostgreSQL itself: against `pg_dump`, kind by kind, and
//! against a reader that knows nothing yet, over random sequences of statements.

mod cases;
mod incremental;
mod oracle;
mod support;
