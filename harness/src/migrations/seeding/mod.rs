//! Rows for every table, generated from the catalog.
