//! What a lineage must not do, one file each.
