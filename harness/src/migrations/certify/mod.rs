//! A server's own runner, as a black box.
