//! The cases, one file a group: each does something to the server and says what was seen.

pub mod backup;
pub mod failing;
pub mod instances;
pub mod interrupted;
pub mod previous;
pub mod records;
pub mod start;
pub mod surroundings;
