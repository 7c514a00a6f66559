//! Connections of an address that has its share, at a face that has words for it: they take turns with others of that
//! address for a while, and are told so if none leaves.

use std::sync::Arc;
use std::time::Duration;

use http::header::CONNECTION;
use http::{HeaderValue, Request, Response};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use super::{Answer, Bounds, Peer, RequestBody};
use crate::slots::{ConnectionSlots, Slot};

/// How long a connection waits for its turn, and how often it looks.
const WAIT: Duration = Duration::from_secs(3);
const STEP: Duration = Duration::from_millis(50);

/// Connections that wait or are told at a time, of all addresses together. Beyond them they are closed at once.
const MOST: usize = 128;

/// The longest time for the handshake, the request and the answer.
const LIFE: Duration = Duration::from_secs(10);

/// Tells connections beside the slots, which they have none of.
pub(super) struct TurnAway<A> {
    face: Arc<A>,
    slots: ConnectionSlots,
    free: Arc<Semaphore>,
}

impl<A: Answer> TurnAway<A> {
    pub(super) fn new(face: Arc<A>, slots: ConnectionSlots) -> Self {
        Self { face, slots, free: Arc::new(Semaphore::new(MOST)) }
    }

    /// A turn for one connection; `None` if it is to be closed at once.
    pub(super) fn turn(&self) -> Option<Turn<A>> {
        self.face.turn_away()?;
        let permit = self.free.clone().try_acquire_owned().ok()?;
        Some(Turn { face: self.face.clone(), slots: self.slots.clone(), permit })
    }
}

/// One connection that waits.
pub(super) struct Turn<A> {
    face: Arc<A>,
    slots: ConnectionSlots,
    permit: OwnedSemaphorePermit,
}

impl<A: Answer> Turn<A> {
    pub(super) async fn tell(
        self,
        stream: TcpStream,
        tls: Option<tls::Server>,
        (bounds, peer): (Arc<Bounds>, Peer),
        end: &CancellationToken,
    ) {
        let since = Instant::now();
        while since.elapsed() < WAIT && !end.is_cancelled() {
            if let Some(slot) = self.slots.take_turns(peer.address, end.clone()) {
                drop(self.permit);
                let connection = Connection { bounds, answer: self.face, peer, proxied: false };
                connection.serve(stream, tls, end).await;
                drop::<Slot>(slot);
                return;
            }
            sleep(STEP).await;
        }
        let answer = Arc::new(Told(self.face.clone()));
        let connection = Connection { bounds, answer, peer, proxied: false };
        // A client that takes longer is closed as the others are.
        let _ = timeout(LIFE, connection.serve(stream, tls, end)).await;
    }
}

/// Answers every request in the words of the face, and ends the connection.
struct Told<A>(Arc<A>);

impl<A: Answer> Answer for Told<A> {
    type Body = A::Body;

    async fn answer(self: Arc<Self>, _: Peer, _: Request<RequestBody>) -> Response<A::Body> {
        let Some(mut response) = self.0.turn_away() else { return std::future::pending().await };
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }
}
