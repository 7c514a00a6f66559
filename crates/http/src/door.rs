//! The socket's side of a face: entrances, slots, handshakes, HTTP, and letting connections end.
//!
//! Clients that take too little, send too little or pause for too long are disconnected, and one that still sends when
//! it is answered gets to read its answer. When no slot is left, connections of the client with the most end: idle ones
//! at once, others after their answer.

mod body;
mod connection;
mod delivery;
mod entrance;
mod linger;
mod progress;
mod screen;
mod stream;
mod turn_away;

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use model::Cidr;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use body::{PAUSED, Pause, RequestBody};
pub use delivery::{DependsOn, Permission};
pub use entrance::Entrance;
pub use screen::{Screen, Screened};
pub use stream::Timeouts;

use crate::slots::{ConnectionSlots, Slot};
use connection::Connection;
use entrance::{Came, Entrances};
use turn_away::TurnAway;

/// An error of a foreign body or service.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A handler of incoming requests.
pub trait Answer: Send + Sync + 'static {
    /// The body of an answer.
    type Body: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static;

    /// Says when the permissions of answers on their way ([`DependsOn`]) may have ended and have to be checked again.
    /// Without it they are checked only while a body is handed over.
    fn changes(&self) -> watch::Receiver<()> {
        watch::channel(()).1
    }

    /// Answers any request. A request body that it does not read to its end is read on for a while, and discarded. An
    /// answer with [`DependsOn`] among its extensions is cut when that permission ends.
    fn answer(
        self: Arc<Self>,
        peer: Peer,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// The answer to a request on a connection that got no slot because its address has its share of them; `None`, as by
    /// default, closes such a connection without an answer.
    fn turn_away(&self) -> Option<Response<Self::Body>> {
        None
    }
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Canonical: IPv4 where it can be.
    pub address: IpAddr,
    /// Whether it speaks TLS with us.
    pub tls: bool,
}

impl Peer {
    /// Whether it is a proxy of ours.
    pub fn is_trusted(&self, trusted: &[Cidr]) -> bool {
        trusted.iter().any(|range| range.contains(self.address))
    }
}

/// Where requests come in, and what they may cost.
#[derive(Debug)]
pub struct Door {
    /// Where connections come in.
    pub entrances: Vec<Entrance>,
    /// How many there may be.
    pub slots: ConnectionSlots,
    /// Proxies in front, which serve many clients.
    pub proxies: Vec<Cidr>,
    /// Limits of a connection.
    pub bounds: Bounds,
    /// Tasks that shutdown waits for besides connections.
    pub tasks: TaskTracker,
}

/// Limits of a connection.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Longest time for a handshake, and from the first byte awaited to the last byte of a request's head; also how long
    /// an idle connection stays, if nobody needs its slot.
    pub head: Duration,
    /// Bytes of a request's head.
    pub head_bytes: u32,
    /// Header fields of a request.
    pub head_fields: u16,
    /// Longest pause within a request's body.
    pub pause: Duration,
    /// How slowly answers may be taken.
    pub timeouts: Timeouts,
    /// Whether HTTP/2 with prior knowledge is spoken besides HTTP/1.1.
    pub http2: bool,
    /// How long running requests may continue after shutdown begins.
    pub drain: Duration,
}

impl Door {
    /// Has requests answered until `shutdown`, then lets those under way end. Dropping the future breaks all connections.
    pub async fn run<A: Answer>(self, answer: Arc<A>, shutdown: CancellationToken) {
        let Self { entrances, slots, proxies, bounds, tasks } = self;
        let (entrances, bounds) = (Entrances::new(entrances), Arc::new(bounds));
        let broken = CancellationToken::new();
        let _break_on_drop = broken.clone().drop_guard();
        let turn_away = TurnAway::new(answer.clone(), slots.clone());
        loop {
            // Ends the next connection.
            let end = shutdown.child_token();
            tokio::select! {
                () = shutdown.cancelled() => break,
                // No pattern here: one that does not match would leave the others waiting, and nobody would come in.
                accepted = accept(&entrances, &slots, &proxies, &end) => {
                    let Some((Came { stream, peer, tls }, slot)) = accepted else { continue };
                    let (broken, bounds) = (broken.clone(), bounds.clone());
                    if let Some(slot) = slot {
                        let proxied = peer.is_trusted(&proxies);
                        let connection = Connection { bounds, answer: answer.clone(), peer, proxied };
                        tasks.spawn(async move {
                            tokio::select! {
                                () = connection.serve(stream, tls, &end) => {}
                                () = broken.cancelled() => {}
                            }
                            drop::<Slot>(slot);
                        });
                    } else if let Some(turn) = turn_away.turn() {
                        tasks.spawn(async move {
                            tokio::select! {
                                () = turn.tell(stream, tls, (bounds, peer), &end) => {}
                                () = broken.cancelled() => {}
                            }
                        });
                    }
                }
            }
        }
        drop(entrances);
        tasks.close();
        if timeout(bounds.drain, tasks.wait()).await.is_err() {
            tracing::warn!(tasks = tasks.len(), "connections closed at shutdown");
        }
    }
}

/// Waits for a slot, then for a connection, which has none where its address has its share; `None` after a failure that
/// passes, such as too many open files. `end` is cancelled when its slot is needed.
async fn accept(
    entrances: &Entrances,
    slots: &ConnectionSlots,
    proxies: &[Cidr],
    end: &CancellationToken,
) -> Option<(Came, Option<Slot>)> {
    let free = slots.free().await;
    match entrances.accept().await {
        Ok(came) => {
            let slot = match came.peer.is_trusted(proxies) {
                true => Some(free.take_for_many()),
                false => free.take(came.peer.address, end.clone()),
            };
            Some((came, slot))
        }
        Err(error) => {
            tracing::warn!(%error, "cannot accept a connection");
            sleep(Duration::from_millis(50)).await;
            None
        }
    }
}
