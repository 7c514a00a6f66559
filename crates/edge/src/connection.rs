//! A connection that gives up on a client that takes nothing.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// A stream whose writes fail when the client takes no byte for a time.
pub(crate) struct Guarded {
    stream: TcpStream,
    patience: Duration,
    /// Runs while a write waits.
    stalled: Option<Stall>,
}

/// How long a write waits.
///
/// After a pause of the whole process the timer is due before the runtime has looked at the sockets and before the
/// client could run. So patience ends in two halves, with a look at the socket between them.
struct Stall {
    timer: Pin<Box<Sleep>>,
    halfway: bool,
}

impl Guarded {
    pub(crate) fn new(stream: TcpStream, patience: Duration) -> Self {
        Self { stream, patience, stalled: None }
    }

    fn watch<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.stalled = None;
            return poll;
        }
        let half = self.patience / 2;
        let stall =
            self.stalled.get_or_insert_with(|| Stall { timer: Box::pin(sleep(half)), halfway: false });
        while stall.timer.as_mut().poll(cx).is_ready() {
            if stall.halfway {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            stall.halfway = true;
            stall.timer.as_mut().reset(Instant::now() + half);
        }
        Poll::Pending
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watch(cx, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.watch(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const MANY: usize = 32 << 20;

    async fn pair(patience: Duration) -> (Guarded, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Guarded::new(listener.accept().await.unwrap().0, patience), client)
    }

    #[tokio::test]
    async fn a_pause_of_the_process_is_not_the_clients_fault() {
        let patience = Duration::from_millis(60);
        let (mut server, mut client) = pair(patience).await;
        let reading = tokio::spawn(async move {
            let mut some = vec![0; 1 << 20];
            let mut got = 0;
            while got < MANY {
                got += client.read(&mut some).await.unwrap();
            }
        });
        tokio::task::yield_now().await;
        let bytes = vec![0; MANY];
        let mut writing = pin!(server.write_all(&bytes));
        // Writes until the socket is full; then nobody runs, the client neither.
        assert!(poll_fn(|cx| Poll::Ready(writing.as_mut().poll(cx).is_pending())).await);
        std::thread::sleep(patience * 3);
        writing.await.unwrap();
        reading.await.unwrap();
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_fails_the_write() {
        let (mut server, _client) = pair(Duration::from_millis(60)).await;
        let begun = tokio::time::Instant::now();
        let failed = server.write_all(&vec![0; MANY]).await.unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() >= Duration::from_millis(60));
    }
}
