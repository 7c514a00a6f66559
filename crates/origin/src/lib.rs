//! The HTTP face of the packager: `/out/v1/{asset}/{configuration}/{generation}/…`.
//!
//! It only answers requests with the CDN secret, looks up what the path names, asks `package` what the answer consists
//! of, and streams it from the store. Answers have their length, type and `ETag` before the first byte; a body
//! takes a few pieces of memory however long it is; equal reads under way at the same time are made once.
//!
//! A segment that is not there yet is asked for at the pipeline, and waited for; when it still is not there after a
//! few seconds, the answer is 503 with `Retry-After`, and at once 404 when it will never be there.
//!
//! It signs and checks no viewers (that is the edge's) and computes no playlists (`package`'s).
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use http::Request;
//! use origin::{Config, Meter, Origin, Secrets};
//! use tower::ServiceExt as _;
//! # let dir = tempfile::tempdir().unwrap();
//! # let db = db::Db::open_sqlite(&dir.path().join("kinora.db")).await.unwrap();
//! # db.migrate(&[catalogue::MIGRATIONS, blob::MIGRATIONS]).await.unwrap();
//! # let catalogue = catalogue::Catalogue::open(db.clone()).await.unwrap();
//! # let blob = blob::Blob::open(db.clone(), dir.path()).await.unwrap();
//! let secrets = Secrets { current: "0123456789abcdef".into(), other: None };
//! let (_rotate, secrets) = tokio::sync::watch::channel(secrets);
//! # let queue = jobs::Queue::new(db.clone());
//! # let pipeline = pipeline::Pipeline::new(db, blob.clone(), queue, catalogue.clone(), vec![]);
//! let (config, meter) = (Config::default(), Meter::default());
//! let router = origin::router(Origin { catalogue, blob, pipeline, secrets, config, meter });
//!
//! let request = Request::get("/out/v1/…/index.m3u8").body(axum::body::Body::empty());
//! # let request = Request::get("/out/v1/x").body(axum::body::Body::empty());
//! assert_eq!(router.oneshot(request.unwrap()).await.unwrap().status(), 403);
//! # });
//! ```

mod config;
mod deliver;
mod early;
mod error;
mod find;
mod head;
mod laid;
pub mod meter;
mod ready;
mod secrets;
mod store;
mod stored;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use blob::Blob;
use catalogue::Catalogue;
use http_face::{ApiError, Changes, Limits};
use model::delivery::ASSETS;
use pipeline::Pipeline;
use tokio::sync::watch;

pub use config::Config;
pub use meter::Meter;
pub use secrets::{HEADER, Secrets};

/// The parts of the face.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Titles, plans and chunk rows.
    pub catalogue: Catalogue,
    /// The chunks' bytes.
    pub blob: Blob,
    /// Where chunks that are not there yet are asked for.
    pub pipeline: Pipeline,
    /// The CDN secrets that are accepted.
    pub secrets: watch::Receiver<Secrets>,
    /// Sizes and ages of its caches.
    pub config: Config,
    /// Counts reads of the store.
    pub meter: Meter,
}

/// Longest time until the head of an answer is ready.
const LIMITS: Limits = Limits { body_bytes: 0, time: Duration::from_secs(15) };

/// Makes the routes. Everything, also what does not exist, is 403 without the CDN secret.
pub fn router(origin: Origin) -> Router {
    let Origin { catalogue, blob, pipeline, secrets, config, meter } = origin;
    let store = Arc::new(store::Store::new(catalogue, blob, pipeline, config, meter));
    let routes = Router::new()
        .route(
            &format!("{ASSETS}{{asset}}/{{configuration}}/{{generation}}/{{*rest}}"),
            get(deliver::deliver),
        )
        .fallback(|| async { error::not_found() })
        .method_not_allowed_fallback(|| async {
            ApiError::new(
                http::StatusCode::METHOD_NOT_ALLOWED,
                "read_only",
                "Only GET and HEAD are supported.",
            )
        })
        .with_state(store)
        .layer(from_fn_with_state(secrets, secrets::guard));
    // It changes nothing.
    http_face::wrap(routes, LIMITS, Changes::default())
}
