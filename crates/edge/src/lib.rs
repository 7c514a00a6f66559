//! The front door: every byte that a viewer gets passes here.
//!
//! A [`Service`] takes connections (HTTP/1.1, plain or over TLS, and HTTP/2 with prior knowledge where it is wanted), finds the behaviour of a path, checks
//! its signature, answers from its memory or asks an upstream once for all who wait, and writes the access log. What it
//! decides by is one value, [`model::delivery::State`], that it watches. It knows no SQL, no titles and no accounts;
//! it holds no secret but the CDN secret that it shows to the packager, because signatures are checked with public keys.
//!
//! **Invariant:** an answer of a signed behaviour never depends on who asks: cookies and other headers of the viewer do
//! not reach the upstream. That is why one answer can serve everyone whose signature is right.
//!
//! ```
//! use std::sync::Arc;
//! use edge::{CdnSecret, Config, Entrance, Service, Upstreams};
//! use model::delivery::{Access, Behaviour, Caching, Origin, State};
//! use tokio::sync::watch;
//! use tokio_util::sync::CancellationToken;
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let page = edge::upstream(tower::service_fn(async |_request| {
//!     Ok::<_, std::convert::Infallible>(http::Response::new("hello".to_owned()))
//! }));
//! let state = State {
//!     behaviours: vec![Behaviour {
//!         path: "*".into(),
//!         origin: Origin::Site,
//!         access: Access::Open,
//!         cache: Caching::Off,
//!         cors: Vec::new(),
//!     }],
//!     ..State::default()
//! };
//! let (_state, state) = watch::channel(Arc::new(state));
//! let (_secret, secret) = watch::channel(CdnSecret::new("0123456789abcdef")?);
//! let service = Service {
//!     entrances: vec![Entrance::plain(tokio::net::TcpListener::bind("127.0.0.1:0").await?)],
//!     config: Config::default(),
//!     upstreams: Upstreams { packager: page.clone(), site: page },
//!     state,
//!     secret,
//!     meter: edge::Meter::default(),
//!     clock: runtime::Clock::system(),
//! };
//! let shutdown = CancellationToken::new();
//! # shutdown.cancel();
//! service.run(shutdown).await?;
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod access_log;
mod answer;
mod body;
mod budget;
mod cache;
mod config;
mod cors;
mod door;
mod error;
mod fetch;
mod forward;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod gate;
mod headers;
mod ids;
pub mod meter;
mod reason;
mod refusal;
mod refused;
mod route;
mod service;
mod upstream;
mod viewer;

pub use body::{Body, BoxError};
pub use config::Config;
pub use error::{Error, Result};
pub use http_face::door::Entrance;
pub use meter::Meter;
pub use service::Service;
pub use upstream::{CdnSecret, Upstream, Upstreams, upstream};
