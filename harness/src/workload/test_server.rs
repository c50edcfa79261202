//! A small HTTP server for the tests of what speaks HTTP.

use axum::Router;
use tokio::net::TcpListener;

/// Serves on a free port until the test's runtime ends, and returns the URL.
pub(crate) async fn serve(routes: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, routes).await.unwrap() });
    url
}
