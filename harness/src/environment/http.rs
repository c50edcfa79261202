//! The HTTP client for what the harness itself calls, all of it on this machine.

use reqwest::Client;
use reqwest::redirect::Policy;

/// How many connections to one part stay open for the next call: what a part is found to have open
/// is its own then, and not what came together while it stood still.
const MOST_IDLE: usize = 8;

/// A client that asks no proxy of the user's environment, and takes a redirection for the answer
/// that it is: followed, a POST would become a GET, and its success would be taken for the POST's.
pub fn http_client() -> Client {
    client(MOST_IDLE)
}

/// The same with a connection for each call: for whom faults end and start again in between, so that
/// no call is made on what is left of an earlier life.
pub fn http_client_of_the_proxy() -> Client {
    client(0)
}

fn client(most_idle: usize) -> Client {
    let builder = Client::builder().no_proxy().redirect(Policy::none());
    builder.pool_max_idle_per_host(most_idle).build().unwrap_or_default()
}
