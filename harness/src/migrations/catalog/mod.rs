//! The schema as PostgreSQL holds it, and how two of them differ.
