//! How far a connection's client has come with what it asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Request, Version};
use http_body::Body as _;
use hyper::body::Incoming;

use super::body::RequestBody;

/// How far a connection's client has come. Clones are about the same connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// A head was read, or none will be any more.
    past_first_head: AtomicBool,
    /// Something came since the last end of a request.
    amid_request: AtomicBool,
    /// Requests overlap (HTTP/2): each ends by itself, without the connection.
    overlapping: AtomicBool,
}

impl Progress {
    /// Takes note of a request, whose head has ended, and of its body, which may pause at most for `pause`.
    pub(super) fn watch(&self, request: Request<Incoming>, pause: Duration) -> Request<RequestBody> {
        let has_body = !request.body().is_end_stream();
        let overlapping = request.version() >= Version::HTTP_2;
        self.0.past_first_head.store(true, Ordering::Relaxed);
        self.0.amid_request.store(has_body, Ordering::Relaxed);
        self.0.overlapping.store(overlapping, Ordering::Relaxed);
        let progress = (has_body && !overlapping).then(|| self.clone());
        request.map(|body| RequestBody::new(body, pause, progress))
    }

    /// Something came of a request.
    pub(super) fn begin_request(&self) {
        self.0.amid_request.store(true, Ordering::Relaxed);
    }

    /// A request's end was read.
    pub(super) fn end_request(&self) {
        self.0.amid_request.store(false, Ordering::Relaxed);
    }

    /// The connection begins to close, perhaps amid its first head: that is not waited for any more.
    pub(super) fn pass_first_head(&self) {
        self.0.past_first_head.store(true, Ordering::Relaxed);
    }

    /// Whether the first head is not waited for any more.
    pub(super) fn is_past_first_head(&self) -> bool {
        self.0.past_first_head.load(Ordering::Relaxed)
    }

    /// Whether requests overlap.
    pub(super) fn is_overlapping(&self) -> bool {
        self.0.overlapping.load(Ordering::Relaxed)
    }

    /// Whether the client may still be sending a request, its head or its body, which keeps its connection from ending;
    /// never where requests overlap.
    pub(super) fn is_amid_request(&self) -> bool {
        self.0.amid_request.load(Ordering::Relaxed) && !self.is_overlapping()
    }
}
