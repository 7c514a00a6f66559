//! One event per request, target `edge::access`, when its answer was sent or given up.
//!
//! It contains no secrets: paths are without tokens and query, addresses without their last part.

use std::net::IpAddr;

use http::request::Parts;
use http_face::without_secrets;
use sign::token;
use tokio::time::Instant;
use tracing::{Level, enabled, info};

use crate::viewer::Viewer;

/// Longest path that is written.
const MAX_PATH: usize = 512;

/// Fields of a request's log event.
pub(crate) struct Record {
    method: String,
    path: String,
    client: Option<IpAddr>,
    token: bool,
    began: Instant,
    pub(crate) status: u16,
    pub(crate) id: String,
    pub(crate) cache: &'static str,
    pub(crate) refused: Option<String>,
    sent: u64,
}

impl Record {
    /// Begins a record, if anyone listens.
    pub(crate) fn begin(parts: &Parts, viewer: Option<Viewer<'_>>, began: Instant) -> Option<Box<Self>> {
        if !enabled!(target: "edge::access", Level::INFO) {
            return None;
        }
        let path = parts.uri.path();
        // Anything after `/t/` is a secret, in whatever shape it came.
        let (token, path) = match token::split(path) {
            Some((_, path)) => (true, path),
            None if path.starts_with("/t/") => (true, "/t/"),
            None => (false, path),
        };
        // Nor does it tell others, such as a sign-in link's. Before it is cut: the beginning of a secret could be an id.
        let mut path = without_secrets(path);
        if let Some((end, _)) = path.char_indices().nth(MAX_PATH) {
            path.truncate(end);
        }
        Some(Box::new(Self {
            method: parts.method.to_string(),
            path,
            client: viewer.map(|viewer| viewer.truncated()),
            token,
            began,
            status: 0,
            id: String::new(),
            cache: "",
            refused: None,
            sent: 0,
        }))
    }

    /// Counts bytes of the body.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        info!(
            target: "edge::access",
            id = %self.id,
            method = %self.method,
            path = %self.path,
            token = self.token,
            status = self.status,
            bytes = self.sent,
            ms = self.began.elapsed().as_secs_f64() * 1000.0,
            client = self.client.map(tracing::field::display),
            cache = self.cache,
            refused = self.refused.as_deref(),
        );
    }
}
