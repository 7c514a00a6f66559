//! Requests that are looked at before an answer is made: limits and rules that need to know nothing of the face behind.

use std::sync::Arc;

use http::{Request, Response};
use tokio::sync::watch;

use super::{Answer, Peer, RequestBody};

/// Looks at each request first, and may answer it instead.
pub trait Screen<Body>: Send + Sync + 'static {
    /// `None` lets the request pass. It is asked on the connection's task, and must not block.
    fn look(&self, peer: Peer, request: &Request<RequestBody>) -> Option<Response<Body>>;
}

/// An answer behind a screen. Screens can stand before each other.
pub struct Screened<S, A> {
    /// Asked first.
    pub screen: S,
    /// Answers what the screen lets pass.
    pub answer: Arc<A>,
}

impl<A: Answer, S: Screen<A::Body>> Answer for Screened<S, A> {
    type Body = A::Body;

    fn changes(&self) -> watch::Receiver<()> {
        self.answer.changes()
    }

    async fn answer(self: Arc<Self>, peer: Peer, request: Request<RequestBody>) -> Response<A::Body> {
        match self.screen.look(peer, &request) {
            Some(instead) => instead,
            None => self.answer.clone().answer(peer, request).await,
        }
    }

    fn turn_away(&self) -> Option<Response<A::Body>> {
        self.answer.turn_away()
    }
}
