//! Refuses connections. An extension: Toxiproxy can only refuse all of them, by closing the proxy.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::toxic::{Admission, Toxic};

/// Resets a connection as soon as it comes in, without dialling the upstream. With a toxicity below
/// 1 the others come through. Connections that are open already are left alone.
///
/// The system has completed the handshake before the proxy sees the connection, so the client is
/// connected for a moment; only a closed listener can refuse before that.
#[derive(Default, Serialize, Deserialize)]
pub struct Refuse {}

impl Toxic for Refuse {
    const TYPE: &'static str = "refuse";
    type Memory = ();

    fn admit(&self, _random: &mut ChaCha8Rng) -> Admission {
        Admission::Refused
    }
}
