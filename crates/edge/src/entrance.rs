//! Where connections come in.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use tokio::net::{TcpListener, TcpStream};

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

/// The entrances of one door; they take turns, so a flood at one does not shut the others.
pub(crate) struct Entrances {
    all: Vec<Entrance>,
    next: AtomicUsize,
}

impl Entrances {
    pub(crate) fn new(all: Vec<Entrance>) -> Self {
        Self { all, next: AtomicUsize::new(0) }
    }

    /// The next connection, and how its entrance speaks. Cancel-safe.
    pub(crate) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr, Option<tls::Server>)> {
        poll_fn(|cx| {
            for n in 0..self.all.len() {
                let at = (self.next.load(Ordering::Relaxed) + n) % self.all.len();
                if let Poll::Ready(accepted) = self.all[at].listener.poll_accept(cx) {
                    self.next.store(at + 1, Ordering::Relaxed);
                    let tls = self.all[at].tls.clone();
                    return Poll::Ready(accepted.map(|(stream, peer)| (stream, peer, tls)));
                }
            }
            Poll::Pending
        })
        .await
    }
}
