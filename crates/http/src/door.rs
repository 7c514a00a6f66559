//! The socket's side of a face: entrances, places, handshakes, HTTP, and letting connections end.
//!
//! Clients that take too little, send too little or pause for too long are given up, and one that still sends when it is
//! answered gets to read its answer. When no place is left, connections of whoever has most end: idle ones at once, others
//! after their answer.

mod body;
mod connection;
mod entrance;
mod linger;
mod progress;
mod stream;

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use sign::Cidr;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use body::{PAUSED, Pause, RequestBody};
pub use entrance::Entrance;
pub use stream::Patience;

use crate::places::{Place, Places};
use connection::Connection;
use entrance::{Came, Entrances};

/// An error of a foreign body or service.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Who answers the requests that come in.
pub trait Answer: Send + Sync + 'static {
    /// The body of an answer.
    type Body: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;

    /// Answers any request. A body that it does not read to its end is read on for a while, and thrown away.
    fn answer(
        self: Arc<Self>,
        peer: Peer,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
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
    pub places: Places,
    /// Proxies in front, which speak for many.
    pub proxies: Vec<Cidr>,
    /// What a connection may cost.
    pub bounds: Bounds,
    /// Tasks that shutdown waits for besides connections.
    pub tasks: TaskTracker,
}

/// What a connection may cost.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Longest time for a handshake, and from the first byte awaited to the last byte of a request's head; also how long
    /// an idle connection stays, if nobody needs its place.
    pub head: Duration,
    /// Bytes of a request's head.
    pub head_bytes: u32,
    /// Header fields of a request.
    pub head_fields: u16,
    /// Longest pause within a request's body.
    pub pause: Duration,
    /// How slowly answers may be taken.
    pub patience: Patience,
    /// Whether HTTP/2 with prior knowledge is spoken besides HTTP/1.1.
    pub http2: bool,
    /// How long requests under way may go on after shutdown begins.
    pub drain: Duration,
}

impl Door {
    /// Has requests answered until `shutdown`, then lets those under way end. Dropping the future breaks all connections.
    pub async fn run<A: Answer>(self, answer: Arc<A>, shutdown: CancellationToken) {
        let Self { entrances, places, proxies, bounds, tasks } = self;
        let (entrances, bounds) = (Entrances::new(entrances), Arc::new(bounds));
        let broken = CancellationToken::new();
        let _break_on_drop = broken.clone().drop_guard();
        loop {
            // What the next connection ends by.
            let end = shutdown.child_token();
            tokio::select! {
                () = shutdown.cancelled() => break,
                // No pattern here: one that does not match would leave the others waiting, and nobody would come in.
                accepted = accept(&entrances, &places, &proxies, &end) => {
                    let Some((Came { stream, peer, tls }, place)) = accepted else { continue };
                    let connection = Connection { bounds: bounds.clone(), answer: answer.clone(), peer };
                    let broken = broken.clone();
                    tasks.spawn(async move {
                        tokio::select! {
                            () = connection.serve(stream, tls, &end) => {}
                            () = broken.cancelled() => {}
                        }
                        drop::<Place>(place);
                    });
                }
            }
        }
        drop(entrances);
        tasks.close();
        if timeout(bounds.drain, tasks.wait()).await.is_err() {
            tracing::warn!(tasks = tasks.len(), "connections broken off at shutdown");
        }
    }
}

/// Waits for a place, then for a connection; `None` where its address has its share of places, and after a failure that
/// passes, such as too many open files. `end` is cancelled when its place is needed.
async fn accept(
    entrances: &Entrances,
    places: &Places,
    proxies: &[Cidr],
    end: &CancellationToken,
) -> Option<(Came, Place)> {
    let free = places.free().await;
    match entrances.accept().await {
        Ok(came) => {
            let place = match came.peer.is_trusted(proxies) {
                true => Some(free.take_for_many()),
                false => free.take(came.peer.address, end.clone()),
            };
            place.map(|place| (came, place))
        }
        Err(error) => {
            tracing::warn!(%error, "cannot accept a connection");
            sleep(Duration::from_millis(50)).await;
            None
        }
    }
}
