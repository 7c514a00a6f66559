//! Where connections come in.

use std::future::poll_fn;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use tokio::net::{TcpListener, TcpStream};

use super::Peer;

/// A listener, with TLS or without.
#[derive(Debug)]
pub struct Entrance {
    /// Where connections come in.
    pub listener: TcpListener,
    /// Speaks TLS with them; without it they are plain.
    pub tls: Option<tls::Server>,
}

impl Entrance {
    /// An entrance without TLS.
    pub fn plain(listener: TcpListener) -> Self {
        Self { listener, tls: None }
    }
}

/// A connection, and how its entrance speaks.
pub(super) struct Came {
    pub(super) stream: TcpStream,
    pub(super) peer: Peer,
    pub(super) tls: Option<tls::Server>,
}

/// The entrances of one door; they take turns, so a flood at one does not shut the others.
pub(super) struct Entrances {
    all: Vec<Entrance>,
    next: AtomicUsize,
}

impl Entrances {
    pub(super) fn new(all: Vec<Entrance>) -> Self {
        Self { all, next: AtomicUsize::new(0) }
    }

    /// The next connection. Cancel-safe.
    pub(super) async fn accept(&self) -> io::Result<Came> {
        poll_fn(|cx| {
            for n in 0..self.all.len() {
                let at = (self.next.load(Ordering::Relaxed) + n) % self.all.len();
                if let Poll::Ready(accepted) = self.all[at].listener.poll_accept(cx) {
                    self.next.store(at + 1, Ordering::Relaxed);
                    let tls = self.all[at].tls.clone();
                    return Poll::Ready(accepted.map(|(stream, address)| {
                        let peer = Peer { address: address.ip().to_canonical(), tls: tls.is_some() };
                        Came { stream, peer, tls }
                    }));
                }
            }
            Poll::Pending
        })
        .await
    }
}
