//! Bodies of requests and answers.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
pub use http_face::door::BoxError;
use http_face::door::{Pause, RequestBody};

use crate::access_log::Record;
use crate::cache::{Held, MemoryBudget, Reader};

/// The body of a request to an upstream and of an answer to a client.
pub struct Body {
    kind: Kind,
    record: Option<Box<Record>>,
    sent: Option<Arc<AtomicU64>>,
    /// How long its next bytes may be waited for, where it passes through.
    pause: Option<Pause>,
    /// The memory that it takes, where others do not count it.
    held: Option<Held>,
}

enum Kind {
    /// All of it; `None` once it was taken.
    Whole(Option<Bytes>),
    /// An answer that is still coming from the upstream, for all who wait for it.
    Shared(Reader),
    /// Body of a client's request.
    Request(RequestBody),
    Foreign(UnsyncBoxBody<Bytes, BoxError>),
}

impl Body {
    /// A body of no bytes.
    pub fn empty() -> Self {
        Self::of(Kind::Whole(None))
    }

    /// Wraps any other body.
    pub fn new<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self::of(Kind::Foreign(body.map_err(Into::into).boxed_unsync()))
    }

    pub(crate) fn shared(reader: Reader) -> Self {
        Self::of(Kind::Shared(reader))
    }

    /// A client's body.
    pub(crate) fn of_request(sent: RequestBody) -> Self {
        if sent.is_end_stream() {
            return Self::empty();
        }
        Self::of(Kind::Request(sent))
    }

    fn of(kind: Kind) -> Self {
        Self { kind, record: None, sent: None, pause: None, held: None }
    }

    /// Fails when an upstream's next bytes do not come within `longest`.
    pub(crate) fn awaited(mut self, longest: Duration) -> Self {
        self.pause = Some(Pause::new(longest));
        self
    }

    /// Adds the bytes that are sent to a counter.
    pub(crate) fn counted(mut self, sent: Arc<AtomicU64>) -> Self {
        self.sent = Some(sent);
        self
    }

    /// Counts the memory of a body that passes through; others are counted where they are.
    pub(crate) fn weighed(mut self, memory: &MemoryBudget) -> Self {
        if let Kind::Foreign(body) = &self.kind {
            let most = body.size_hint().upper().unwrap_or(u64::MAX);
            self.held = Some(memory.passing(most));
        }
        self
    }

    /// Lets the access log know when and after how many bytes the body ended.
    pub(crate) fn recorded(mut self, record: Box<Record>) -> Self {
        self.record = Some(record);
        self
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::of(Kind::Whole(Some(bytes).filter(|bytes| !bytes.is_empty())))
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({:?})", self.size_hint())
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let frame = match &mut this.kind {
            Kind::Whole(bytes) => bytes.take().map(|bytes| Ok(Frame::data(bytes))),
            Kind::Shared(reader) => ready!(reader.poll_data(cx)).map(|data| data.map(Frame::data)),
            Kind::Request(sent) => ready!(Pin::new(sent).poll_frame(cx)),
            Kind::Foreign(body) => match (Pin::new(body).poll_frame(cx), &mut this.pause) {
                (Poll::Ready(frame), pause) => {
                    pause.iter_mut().for_each(Pause::end);
                    frame
                }
                (Poll::Pending, Some(pause)) => {
                    ready!(pause.poll(cx));
                    Some(Err("the upstream paused for too long".into()))
                }
                (Poll::Pending, None) => return Poll::Pending,
            },
        };
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            if let Some(record) = &mut this.record {
                record.sent(data.len());
            }
            if let Some(sent) = &this.sent {
                sent.fetch_add(data.len() as u64, Ordering::Relaxed);
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Whole(bytes) => bytes.is_none(),
            Kind::Shared(reader) => reader.remaining() == 0,
            Kind::Request(sent) => sent.is_end_stream(),
            Kind::Foreign(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Kind::Shared(reader) => SizeHint::with_exact(reader.remaining()),
            Kind::Request(sent) => sent.size_hint(),
            Kind::Foreign(body) => body.size_hint(),
        }
    }
}
