//! The client that Toxiproxy's users already have drives our proxy.
