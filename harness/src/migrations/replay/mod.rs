//! What running a lineage shows.
