//! The HTTP client for what the harness itself calls, all of it on this machine.

use reqwest::Client;
use reqwest::redirect::Policy;

/// A client that asks no proxy of the user's environment, and takes a redirection for the answer
/// that it is: followed, a POST would become a GET, and its success would be taken for the POST's.
pub fn http_client() -> Client {
    Client::builder().no_proxy().redirect(Policy::none()).build().unwrap_or_default()
}
