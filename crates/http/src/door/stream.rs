//! A connection that gives up on a client that takes too little, and closes without taking its answer back.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::CancellationToken;

use super::delivery::Deliveries;
use super::linger::Linger;
use super::progress::Progress;

/// Time is counted in so many steps of the longest silence: after a pause of the whole process only one of them counts,
/// so it is nobody's fault.
const STEPS: u32 = 32;
/// Steps of silence that are borne while memory is scarce.
const SCARCE_STEPS: u32 = 2;
/// How many times faster clients have to be then.
const SCARCE_TIMES: u64 = 64;
/// Bytes that the kernel takes beyond what it has sent: more would hide how slow a client is, and fill its memory.
const UNSENT: u32 = 128 << 10;

/// How long a connection bears a client that takes little.
#[derive(Clone)]
pub struct Timeouts {
    /// Longest time without any byte.
    pub silence: Duration,
    /// Fewest bytes per second that an answer waits for; 0 for any.
    pub least_rate: u32,
    /// Whether memory is scarce, which makes it shorter.
    pub is_scarce: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl fmt::Debug for Timeouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeouts").field("silence", &self.silence).finish_non_exhaustive()
    }
}

/// A client's connection. Writes fail when the client takes nothing for a time, or less than it must; at the end it is
/// read on for a while, so that a client that is still sending gets what was written.
pub(super) struct Stream {
    stream: TcpStream,
    timeouts: Timeouts,
    deliveries: Deliveries,
    end: CancellationToken,
    slow: Option<Slow>,
    progress: Progress,
    linger: Option<Linger>,
}

/// A client that writes had to wait for, since the last time that its rate was looked at.
struct Slow {
    timer: Pin<Box<Sleep>>,
    /// Start of a write's wait.
    since: Option<Instant>,
    /// For how long writes have waited together.
    waited: Duration,
    /// Bytes taken since then.
    taken: u64,
    /// For how long nothing was taken.
    silent: Duration,
}

impl Stream {
    /// Bounds a connection; `end` is cancelled when it has to end.
    pub(super) fn new(
        stream: TcpStream,
        timeouts: Timeouts,
        deliveries: Deliveries,
        end: CancellationToken,
    ) -> Self {
        // Only a help: without it the kernel takes more.
        let _ = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT);
        let progress = Progress::default();
        Self { stream, timeouts, deliveries, end, slow: None, progress, linger: None }
    }

    /// Where its requests are watched. The reader reports their progress there, because only it sees inside TLS.
    pub(super) fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Fails if there are unsent bytes of an answer that may not continue.
    fn check(&self) -> io::Result<()> {
        if self.deliveries.take_suspect() && self.has_unsent()? {
            self.deliveries.break_off();
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }

    /// Whether the kernel still holds bytes that it has not sent at all. What it has sent is with the client's kernel, or
    /// nearly.
    fn has_unsent(&self) -> io::Result<bool> {
        let socket = socket2::SockRef::from(&self.stream);
        // Writable is a socket with fewer unsent bytes than this.
        socket.set_tcp_notsent_lowat(1)?;
        let mut ready = [PollFd::new(&self.stream, PollFlags::OUT)];
        let writable = rustix::event::poll(&mut ready, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
        socket.set_tcp_notsent_lowat(UNSENT)?;
        Ok(writable == 0)
    }

    fn watch(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let step = self.timeouts.silence / STEPS;
        match poll {
            Poll::Ready(Ok(taken)) => {
                let quick = self.slow.as_mut().is_none_or(|slow| slow.took(taken, step, &self.timeouts));
                if quick { poll } else { too_slow() }
            }
            Poll::Ready(Err(_)) => poll,
            Poll::Pending => {
                let slow = self.slow.get_or_insert_with(|| Slow::new(step));
                if slow.waits(cx, step, &self.timeouts) { Poll::Pending } else { too_slow() }
            }
        }
    }
}

fn too_slow() -> Poll<io::Result<usize>> {
    Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
}

impl Slow {
    fn new(step: Duration) -> Self {
        let (waited, silent) = (Duration::ZERO, Duration::ZERO);
        Self { timer: Box::pin(sleep(step)), since: Some(Instant::now()), waited, taken: 0, silent }
    }

    /// Counts what was taken; `false` if that was too little for the time.
    fn took(&mut self, bytes: usize, step: Duration, timeouts: &Timeouts) -> bool {
        self.taken += bytes as u64;
        self.silent = Duration::ZERO;
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed().min(step);
        }
        self.is_quick_enough(timeouts)
    }

    /// Counts the time of a write that waits; `false` if that was too long.
    fn waits(&mut self, cx: &mut Context<'_>, step: Duration, timeouts: &Timeouts) -> bool {
        if self.since.is_none() {
            self.since = Some(Instant::now());
            self.timer.as_mut().reset(Instant::now() + step);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            self.timer.as_mut().reset(Instant::now() + step);
            self.since = Some(Instant::now());
            self.waited += step;
            self.silent += step;
            let most = if (timeouts.is_scarce)() { step * SCARCE_STEPS } else { timeouts.silence };
            if self.silent >= most || !self.is_quick_enough(timeouts) {
                return false;
            }
        }
        true
    }

    /// Whether the client was quick enough, so far or since it was last looked at.
    fn is_quick_enough(&mut self, timeouts: &Timeouts) -> bool {
        let (time, times) = match (timeouts.is_scarce)() {
            true => (timeouts.silence / STEPS * (2 * SCARCE_STEPS), SCARCE_TIMES),
            false => (timeouts.silence, 1),
        };
        if self.waited < time {
            return true;
        }
        let wanted = u128::from(timeouts.least_rate) * u128::from(times) * self.waited.as_millis() / 1000;
        let quick = u128::from(self.taken) >= wanted;
        (self.waited, self.taken) = (Duration::ZERO, 0);
        quick
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        let poll = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watch(cx, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
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
        let Self { stream, deliveries, end, linger, progress, .. } = &mut *self;
        progress.pass_first_head();
        if deliveries.is_broken_off() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        ready!(Pin::new(&mut *stream).poll_shutdown(cx))?;
        let linger = linger.get_or_insert_with(|| Linger::new(end.clone()));
        linger.poll(stream, progress.is_amid_request(), cx).map(Ok)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.deliveries.is_broken_off() {
            // Bytes that the kernel has not sent yet are discarded, and the client gets a reset. Fails only if the
            // connection is gone already.
            let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
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

    fn timeouts(silence: Duration) -> Timeouts {
        Timeouts { silence, least_rate: 0, is_scarce: Arc::new(|| false) }
    }

    async fn pair(timeouts: Timeouts) -> (Stream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, end) = (listener.accept().await.unwrap().0, CancellationToken::new());
        (Stream::new(stream, timeouts, Deliveries::default(), end), client)
    }

    /// Reads so many bytes every so often until the end.
    fn sip(mut client: TcpStream, bytes: usize, every: Duration) {
        tokio::spawn(async move {
            let mut some = vec![0; bytes];
            while client.read_exact(&mut some).await.is_ok() {
                tokio::time::sleep(every).await;
            }
        });
    }

    #[tokio::test]
    async fn a_pause_of_the_process_is_not_the_clients_fault() {
        let silence = Duration::from_millis(60);
        let (mut server, mut client) = pair(timeouts(silence)).await;
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
        std::thread::sleep(silence * 3);
        writing.await.unwrap();
        reading.await.unwrap();
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_fails_the_write() {
        let (mut server, _client) = pair(timeouts(Duration::from_millis(60))).await;
        let begun = Instant::now();
        let failed = server.write_all(&vec![0; MANY]).await.unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() >= Duration::from_millis(60));
    }

    #[tokio::test]
    async fn a_client_that_takes_less_than_it_must_fails_the_write() {
        let silence = Duration::from_millis(500);
        for (least_rate, in_time) in [(64 << 20, false), (1, true)] {
            let (mut server, client) = pair(Timeouts { least_rate, ..timeouts(silence) }).await;
            // About 10 MB/s.
            sip(client, 100 << 10, Duration::from_millis(10));
            let done = server.write_all(&vec![0; 16 << 20]).await;
            assert_eq!(done.is_ok(), in_time, "{least_rate}");
        }
    }

    #[tokio::test]
    async fn who_is_answered_amid_its_request_may_send_the_rest() {
        let (mut server, mut client) = pair(timeouts(Duration::from_secs(60))).await;
        client.write_all(b"GET /").await.unwrap();
        server.read_exact(&mut [0; 5]).await.unwrap();
        server.progress().begin_request();
        server.write_all(b"no").await.unwrap();
        let closing = tokio::spawn(async move { server.shutdown().await });
        let mut got = String::new();
        client.read_to_string(&mut got).await.unwrap();
        assert_eq!((got.as_str(), closing.is_finished()), ("no", false));
        client.write_all(&vec![0; 1 << 20]).await.unwrap();
        drop(client);
        closing.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn scarce_memory_makes_it_short() {
        let is_scarce = Arc::new(|| true);
        let timeouts = Timeouts { silence: Duration::from_secs(6), least_rate: 1 << 20, is_scarce };
        let (mut server, _client) = pair(timeouts.clone()).await;
        let begun = Instant::now();
        assert!(server.write_all(&vec![0; MANY]).await.is_err());
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        // Quick enough, but not now.
        let (mut server, client) = pair(timeouts).await;
        sip(client, 100 << 10, Duration::from_millis(10));
        assert!(server.write_all(&vec![0; 4 * MANY]).await.is_err());
    }
}
