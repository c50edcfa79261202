//! A TCP proxy that injects faults, controlled through Toxiproxy's HTTP API.
//!
//! The flow, from the control call to the wire:
//!
//! 1. [`serve`] answers the HTTP API ([`api`]) and calls the same methods on [`Proxies`] that a
//!    program in the same process may call.
//! 2. [`Proxies`] is the collection ([`collection`]); each entry is a proxy (`proxy`) with a listener,
//!    a list of toxics and its open connections.
//! 3. A connection (`connection`) is one task that moves bytes both ways; each way is a flow
//!    (`flow`): source socket, one stage for each toxic, sink socket.
//! 4. A toxic ([`toxics`]) decides when the bytes waiting before its stage go on, and whether. It
//!    never holds bytes itself, so removing it cannot lose any.
//!
//! [`protocol`] tells the messages of PostgreSQL and HTTP apart, for the toxic that cuts at one.
//! [`observer`] tells a program in the same process of HTTP calls.
//! [`model`] has what the API reads and writes, [`metrics`] what it counts, [`error`] what can go wrong, `random` how every
//! choice follows from one seed.
//!
//! Begin reading at [`Proxies`], then `flow`.
//!
//! ```
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use toxiproxy::{NewProxy, Proxies, serve};
//!
//! let proxies = Proxies::new(42);
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
//! let server = tokio::spawn(serve(listener, proxies.clone(), async { drop(stopped.await) }));
//!
//! let view = proxies.create(NewProxy::new("database", "127.0.0.1:0", "127.0.0.1:5432")).await?;
//! assert_ne!(view.listen, "127.0.0.1:0"); // the port that was really bound
//!
//! drop(stop);
//! server.await??;
//! # Ok(()) }
//! ```

mod address;
pub mod api;
pub mod collection;
pub mod config;
mod connection;
pub mod error;
mod flow;
pub mod metrics;
pub mod model;
pub mod observer;
mod pipe;
pub mod protocol;
mod proxy;
mod queue;
mod random;
mod stage;
mod tally;
mod timer;
pub mod toxics;
mod traffic;

pub use api::{serve, serve_with_metrics};
pub use collection::{PopulateError, Proxies};
pub use config::{ConfigError, load_config};
pub use error::Error;
pub use metrics::Metrics;
pub use model::{Direction, NewProxy, NewToxic, ProxyUpdate, ProxyView, ToxicUpdate, ToxicView};
pub use observer::{Observer, Seen, Sight};
pub use protocol::Protocol;
pub use tally::CutReport;
pub use toxics::{Counted, Cut, CutAction};
