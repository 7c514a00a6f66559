//! Bodies of requests.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};

use super::BoxError;
use super::progress::Progress;

/// Text of the error of a body whose client paused for too long.
pub const PAUSED: &str = "the client paused for too long";

/// A client's body: it fails when the client pauses for too long, and its connection knows when nobody read it to its
/// end.
#[derive(Debug)]
pub struct RequestBody {
    incoming: Incoming,
    pause: Pause,
    /// Notified when the end was read; `None` afterwards.
    progress: Option<Progress>,
}

impl RequestBody {
    /// A body that may pause at most for `pause`.
    pub(super) fn new(incoming: Incoming, pause: Duration, progress: Option<Progress>) -> Self {
        Self { incoming, pause: Pause::new(pause), progress }
    }

    fn end(&mut self) {
        if let Some(progress) = self.progress.take() {
            progress.end_request();
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(frame) => {
                self.pause.end();
                if frame.is_none() {
                    self.end();
                }
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => self.pause.poll(cx).map(|()| Some(Err(PAUSED.into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if self.incoming.is_end_stream() {
            self.end();
        }
    }
}

/// How long something may be waited for. It ends in two halves, so that a pause of the whole process is nobody's fault.
#[derive(Debug)]
pub struct Pause {
    half: Duration,
    halfway: bool,
    /// Since something first had to be waited for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Pause {
    /// A pause that may last for `longest`.
    pub fn new(longest: Duration) -> Self {
        Self { half: longest / 2, halfway: false, timer: None }
    }

    /// The awaited data has arrived.
    pub fn end(&mut self) {
        self.halfway = false;
        if let Some(timer) = &mut self.timer {
            timer.as_mut().reset(Instant::now() + self.half);
        }
    }

    /// Waits on; ready when it lasted too long.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(self.half)));
        while timer.as_mut().poll(cx).is_ready() {
            if self.halfway {
                return Poll::Ready(());
            }
            self.halfway = true;
            timer.as_mut().reset(Instant::now() + self.half);
        }
        Poll::Pending
    }
}
