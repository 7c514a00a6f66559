//! Answers on their way to a client, and the permissions that they depend on.
//!
//! A slow client may take an answer for hours, and all of it may lie in buffers where nobody looks at it again. So a
//! connection remembers what its answers depend on and checks that again whenever [`super::Answer::changes`] says so. An
//! answer whose permission has ended is not completed: over HTTP/1.1 the connection is reset, which also discards what
//! the kernel has not sent yet. Over HTTP/2 its stream is reset; where that does not happen soon, because the client
//! stalls it, the connection is.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::task::AtomicWaker;
use http_body::{Body, Frame, SizeHint};

use super::BoxError;

/// Answers of one connection that are remembered after their bodies were handed over: the last of their bytes may still
/// wait in the kernel.
const KEPT: usize = 32;
/// Largest piece that is handed to HTTP/2 at a time: it keeps what it has until the client takes it.
const PIECE: usize = 16 << 10;

/// A permission on which an answer depends until its last byte has reached the client.
pub trait Permission: Send + Sync + 'static {
    /// Whether the answer may continue.
    fn holds(&self) -> bool;
}

/// Stands in the extensions of a response whose body depends on a permission.
#[derive(Clone)]
pub struct DependsOn(pub Arc<dyn Permission>);

/// The answers of one connection that depend on something. Clones are about the same connection.
#[derive(Clone, Default)]
pub(super) struct Deliveries(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// The oldest first.
    all: Mutex<VecDeque<Arc<Delivery>>>,
    /// Whether the kernel may still hold bytes of an answer whose permission has ended.
    suspect: AtomicBool,
    broken_off: AtomicBool,
}

struct Delivery {
    permission: Arc<dyn Permission>,
    /// Its body was handed over, or abandoned.
    over: AtomicBool,
    /// Wakes the body, which fails then.
    waker: AtomicWaker,
}

/// Whether there are answers whose permission has ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ended {
    /// Bodies of some are still to be handed over.
    pub(super) coming: bool,
    /// Some were handed over lately.
    pub(super) handed_over: bool,
}

impl Deliveries {
    /// Checks all permissions and wakes the bodies that have to end.
    pub(super) fn ended(&self) -> Ended {
        let mut ended = Ended::default();
        for delivery in self.all().iter().filter(|delivery| !delivery.permission.holds()) {
            if delivery.over.load(Ordering::Acquire) {
                ended.handed_over = true;
            } else {
                ended.coming = true;
                delivery.waker.wake();
            }
        }
        ended
    }

    /// Makes the socket look whether bytes that were handed over are still unsent.
    pub(super) fn suspect(&self) {
        self.0.suspect.store(true, Ordering::Release);
    }

    /// Whether the socket has to look.
    pub(super) fn take_suspect(&self) -> bool {
        // Only read where nothing has ended.
        self.0.suspect.load(Ordering::Acquire) && self.0.suspect.swap(false, Ordering::AcqRel)
    }

    /// Makes the connection end by a reset once it is dropped, without what was written and not sent yet.
    pub(super) fn break_off(&self) {
        self.0.broken_off.store(true, Ordering::Release);
    }

    pub(super) fn is_broken_off(&self) -> bool {
        self.0.broken_off.load(Ordering::Acquire)
    }

    fn begin(&self, permission: Arc<dyn Permission>) -> Arc<Delivery> {
        let delivery =
            Arc::new(Delivery { permission, over: AtomicBool::new(false), waker: AtomicWaker::new() });
        let mut all = self.all();
        if all.len() >= KEPT
            && let Some(at) = all.iter().position(|old| old.over.load(Ordering::Acquire))
        {
            all.remove(at);
        }
        all.push_back(delivery.clone());
        delivery
    }

    fn all(&self) -> MutexGuard<'_, VecDeque<Arc<Delivery>>> {
        runtime::lock(&self.0.all)
    }
}

/// The body of an answer, which fails when its permission ends.
pub(super) struct Delivered<B> {
    body: B,
    delivery: Option<Arc<Delivery>>,
    deliveries: Deliveries,
    /// Other answers share the connection (HTTP/2).
    overlapping: bool,
    /// The rest of a piece that the body gave.
    rest: Bytes,
}

impl<B> Delivered<B> {
    pub(super) fn new(
        body: B,
        depends_on: Option<DependsOn>,
        deliveries: Deliveries,
        overlapping: bool,
    ) -> Self {
        let delivery = depends_on.map(|DependsOn(permission)| deliveries.begin(permission));
        Self { body, delivery, deliveries, overlapping, rest: Bytes::new() }
    }

    fn piece(&mut self) -> Frame<Bytes> {
        let most = self.rest.len().min(PIECE);
        Frame::data(self.rest.split_to(most))
    }
}

impl<B> Body for Delivered<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let Some(delivery) = &this.delivery else {
            return Pin::new(&mut this.body).poll_frame(cx).map_err(Into::into);
        };
        if this.overlapping {
            // Before the check: a permission that ends after it wakes this.
            delivery.waker.register(cx.waker());
        }
        if !delivery.permission.holds() {
            if !this.overlapping {
                this.deliveries.break_off();
            }
            return Poll::Ready(Some(Err("its permission has ended".into())));
        }
        if !this.rest.is_empty() {
            return Poll::Ready(Some(Ok(this.piece())));
        }
        match Pin::new(&mut this.body).poll_frame(cx).map_err(Into::into) {
            Poll::Ready(Some(Ok(frame))) if this.overlapping => match frame.into_data() {
                Ok(data) => {
                    this.rest = data;
                    Poll::Ready(Some(Ok(this.piece())))
                }
                Err(other) => Poll::Ready(Some(Ok(other))),
            },
            other => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut all = SizeHint::new();
        all.set_lower(hint.lower() + rest);
        if let Some(upper) = hint.upper() {
            all.set_upper(upper + rest);
        }
        all
    }
}

impl<B> Drop for Delivered<B> {
    fn drop(&mut self) {
        if let Some(delivery) = &self.delivery {
            delivery.over.store(true, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    #[derive(Default)]
    struct Lamp(AtomicBool);

    impl Permission for Lamp {
        fn holds(&self) -> bool {
            !self.0.load(Ordering::Relaxed)
        }
    }

    #[tokio::test]
    async fn a_body_is_handed_over_in_pieces_until_its_permission_ends() {
        const ALL: usize = 3 * PIECE + 1;
        for (overlapping, pieces) in [(false, 1), (true, 4)] {
            let (deliveries, lamp) = (Deliveries::default(), Arc::new(Lamp::default()));
            let body = || {
                let whole = Full::new(Bytes::from(vec![7; ALL]));
                Delivered::new(whole, Some(DependsOn(lamp.clone())), deliveries.clone(), overlapping)
            };
            let (mut all, mut got, mut sizes) = (body(), 0, Vec::new());
            while !all.is_end_stream() {
                assert_eq!(all.size_hint().exact(), Some((ALL - got) as u64));
                let piece = all.frame().await.unwrap().unwrap().into_data().unwrap();
                got += piece.len();
                sizes.push(piece.len());
            }
            assert_eq!((got, sizes.len()), (ALL, pieces));
            let mut ends = body();
            drop(all);
            lamp.0.store(true, Ordering::Relaxed);
            assert_eq!(deliveries.ended(), Ended { coming: true, handed_over: true });
            assert!(ends.frame().await.unwrap().is_err());
            // Only where no other answer shares the connection.
            assert_eq!(deliveries.is_broken_off(), !overlapping);
        }
    }

    #[test]
    fn few_of_the_answers_that_were_handed_over_are_remembered() {
        let (deliveries, lamp) = (Deliveries::default(), Arc::new(Lamp::default()));
        let body = || Delivered::new((), Some(DependsOn(lamp.clone())), deliveries.clone(), true);
        let coming: Vec<_> = (0..2 * KEPT).map(|_| body()).collect();
        assert_eq!(deliveries.all().len(), 2 * KEPT, "of those that are coming, all");
        drop(coming);
        for _ in 0..3 * KEPT {
            drop(body());
        }
        assert!(deliveries.all().len() <= 2 * KEPT);
        lamp.0.store(true, Ordering::Relaxed);
        assert_eq!(deliveries.ended(), Ended { coming: false, handed_over: true });
    }
}
