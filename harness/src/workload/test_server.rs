//! A small HTTP server for the tests of what speaks HTTP.

use axum::Router;
use tokio::net::TcpListener;

use crate::environment::{Address, Endpoint};
use crate::system::Values;

/// Serves on a free port until the test's runtime ends, and returns the URL.
pub(crate) async fn serve(routes: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, routes).await.unwrap() });
    url
}

/// Who serves at a URL, as a part of this name.
pub(crate) fn endpoint(name: &str, url: &str) -> Endpoint {
    let (host, port) = url.trim_start_matches("http://").rsplit_once(':').unwrap();
    Endpoint {
        name: name.to_owned(),
        address: Address { host: host.to_owned(), port: port.parse().unwrap() },
        values: Values::default(),
        input: None,
    }
}
