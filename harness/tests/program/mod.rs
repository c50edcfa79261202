//! Where the harness's own program is.

/// Where nextest has unpacked it, when the tests come in an archive; else where cargo has put it.
pub fn program() -> String {
    let unpacked = std::env::var("NEXTEST_BIN_EXE_harness");
    unpacked.unwrap_or_else(|_| env!("CARGO_BIN_EXE_harness").to_owned())
}
