//! Closing a connection without taking its last answer back.
//!
//! A socket that is closed while bytes wait in it, or are still on their way to it, is reset, and the reset throws away
//! what the client has not read yet: the answer that says why nobody reads on. So a server that answers before the end
//! of a request closes in two steps (RFC 9112 §9.6): it says that nothing more comes, then reads on and throws away,
//! until the client closes too or has had its chance. A client that sends for the sake of sending has a connection that
//! it could have had anyway, and for a shorter time; when the door closes or the slot is needed, for a moment only.

use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Most bytes that are read on: a part of an upload by a browser, of a file of up to 60 GB.
const MAX: u64 = 64 << 20;
/// How often the client is checked.
const LOOK: Duration = Duration::from_secs(5);
/// How often it is found still sending, at most.
const LOOKS: u32 = 6;
/// Fewest bytes that it sends between two looks: 4 KiB a second.
const LEAST: u64 = 20 << 10;
/// How long it is waited for once the connection has to end.
const LAST: Duration = Duration::from_secs(1);

/// Reads on after the last answer.
pub(super) struct Linger {
    look: Duration,
    timer: Pin<Box<Sleep>>,
    looks: u32,
    /// Bytes in all, and since the last look.
    came: u64,
    since: u64,
    /// Until the connection has to end.
    ending: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Linger {
    /// `end` is cancelled when the connection has to end.
    pub(super) fn new(end: CancellationToken) -> Self {
        Self::every(LOOK, end)
    }

    fn every(look: Duration, end: CancellationToken) -> Self {
        let ending = Some(Box::pin(end.cancelled_owned()));
        Self { look, timer: Box::pin(sleep(look)), looks: 0, came: 0, since: 0, ending }
    }

    /// Ready when the client has closed or had its chance; at once where it sends nothing and is not `expected` to.
    pub(super) fn poll(&mut self, stream: &mut TcpStream, expected: bool, cx: &mut Context<'_>) -> Poll<()> {
        let mut some = [MaybeUninit::uninit(); 16 << 10];
        loop {
            let mut some = ReadBuf::uninit(&mut some);
            match Pin::new(&mut *stream).poll_read(cx, &mut some) {
                Poll::Ready(Ok(())) if !some.filled().is_empty() => {
                    self.came += some.filled().len() as u64;
                    self.since += some.filled().len() as u64;
                    if self.came > MAX {
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending if self.came == 0 && !expected => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        if self.ending.as_mut().is_some_and(|ending| ending.as_mut().poll(cx).is_ready()) {
            self.ending = None;
            let last = (Instant::now() + LAST).min(self.timer.deadline());
            self.timer.as_mut().reset(last);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            self.looks += 1;
            if self.looks == LOOKS || self.since < LEAST || self.ending.is_none() {
                return Poll::Ready(());
            }
            self.since = 0;
            self.timer.as_mut().reset(Instant::now() + self.look);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (listener.accept().await.unwrap().0, client)
    }

    const SHORT: Duration = Duration::from_millis(200);

    /// For how many looks a client is waited for.
    async fn lingers(mut linger: Linger, mut server: TcpStream, expected: bool) -> u32 {
        let waited = poll_fn(|cx| linger.poll(&mut server, expected, cx));
        tokio::time::timeout(Duration::from_secs(60), waited).await.unwrap();
        linger.looks
    }

    #[tokio::test]
    async fn nobody_is_waited_for_in_vain() {
        let (server, _idle) = pair().await;
        assert_eq!(lingers(Linger::every(SHORT, CancellationToken::new()), server, false).await, 0);
        let (server, client) = pair().await;
        drop(client);
        assert_eq!(lingers(Linger::every(SHORT, CancellationToken::new()), server, true).await, 0);
        let (server, _silent) = pair().await;
        assert_eq!(lingers(Linger::every(SHORT, CancellationToken::new()), server, true).await, 1);
    }

    #[tokio::test]
    async fn who_trickles_or_never_ends_is_left() {
        for (bytes, looks) in [(10, 1), (100_000, LOOKS)] {
            let (server, mut client) = pair().await;
            let sending = tokio::spawn(async move {
                while client.write_all(&vec![0; bytes]).await.is_ok() {
                    sleep(SHORT / 20).await;
                }
            });
            assert_eq!(
                lingers(Linger::every(SHORT, CancellationToken::new()), server, true).await,
                looks,
                "{bytes}"
            );
            sending.await.unwrap();
        }
    }

    #[tokio::test]
    async fn the_end_of_the_connection_is_soon_that_of_who_still_sends() {
        let (server, mut client) = pair().await;
        let end = CancellationToken::new();
        let (closes, sent) = (end.clone(), vec![0; 10_000]);
        let sending = tokio::spawn(async move {
            client.write_all(&sent).await.unwrap();
            closes.cancel();
            while client.write_all(&sent).await.is_ok() {
                sleep(SHORT / 20).await;
            }
        });
        let begun = Instant::now();
        lingers(Linger::every(Duration::from_secs(60), end), server, true).await;
        assert!((LAST..10 * LAST).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        sending.await.unwrap();
    }

    #[tokio::test]
    async fn who_sends_without_end_is_left_after_so_many_bytes() {
        let (server, mut client) = pair().await;
        let sending = tokio::spawn(async move {
            let (some, mut sent) = (vec![0; 1 << 20], 0);
            while client.write_all(&some).await.is_ok() {
                sent += some.len() as u64;
            }
            sent
        });
        lingers(Linger::new(CancellationToken::new()), server, true).await;
        let sent = sending.await.unwrap();
        assert!((MAX..2 * MAX).contains(&sent), "{sent}");
    }
}
