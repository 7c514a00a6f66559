//! An answer on its way from an upstream, for all requests that wait for it.
//!
//! One task fetches, independent of the first request; readers take what is there and wait for the rest. A reader that
//! leaves does not affect others, and a started fetch runs to its end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_face::door::BoxError;
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::cache::{Cache, Entry, Key, Meta, UNIT};
use crate::refusal::Refusal;

/// An answer on its way.
#[derive(Default)]
pub(crate) struct Fill {
    head: watch::Sender<Option<Head>>,
    state: Mutex<State>,
}

/// Result of the request to the upstream.
#[derive(Debug, Clone)]
pub(crate) enum Head {
    /// All may read it.
    Shared(Arc<Meta>),
    /// The cached answer is still valid.
    Kept(Arc<Entry>),
    /// The answer cannot be shared: each request is forwarded by itself.
    Alone,
    /// There is no answer.
    Failed(Refusal),
}

#[derive(Default)]
struct State {
    /// Data received so far, each piece with the offset of its first byte.
    pieces: Vec<(u64, Bytes)>,
    received: u64,
    end: End,
    waiting: HashMap<u64, Waker>,
    readers: u64,
}

#[derive(Default)]
enum End {
    #[default]
    Coming,
    Whole(Bytes),
    Broken,
}

impl Fill {
    /// Waits until the upstream has answered.
    pub(crate) async fn head(&self) -> Head {
        let mut head = self.head.subscribe();
        let found = head.wait_for(Option::is_some).await.ok().and_then(|head| head.clone());
        found.unwrap_or(Head::Failed(Refusal::Upstream))
    }

    /// Reads the bytes from `start` to before `end`.
    pub(crate) fn reader(self: &Arc<Self>, start: u64, end: u64) -> Reader {
        let mut state = runtime::lock(&self.state);
        state.readers += 1;
        Reader { fill: self.clone(), id: state.readers, at: start, end }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let waiting = {
            let mut state = runtime::lock(&self.state);
            change(&mut state);
            std::mem::take(&mut state.waiting)
        };
        waiting.into_values().for_each(Waker::wake);
    }
}

/// The right and the duty to fill. Dropping it without a head tells the followers that there is no answer.
pub(crate) struct Lead {
    cache: Arc<Cache>,
    key: Key,
    fill: Arc<Fill>,
}

impl Lead {
    pub(crate) fn new(cache: Arc<Cache>, key: Key, fill: Arc<Fill>) -> Self {
        Self { cache, key, fill }
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    pub(crate) fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    pub(crate) fn fill(&self) -> &Arc<Fill> {
        &self.fill
    }

    /// Tells the followers what became of the request, without a body.
    pub(crate) fn finish(self, head: Head) {
        // Late-comers shall not join an answer that will not be kept.
        self.cache.leave(&self.key, &self.fill);
        self.fill.head.send_replace(Some(head));
    }

    /// Begins to share an answer of a known length; `None` if it is too large or no memory is left for it. One that
    /// will not be kept is for those who wait already.
    pub(crate) fn share(self, meta: Meta, kept: bool) -> Result<Writer, Self> {
        let length = meta.length;
        let units = u32::try_from(length.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let permit = if length <= self.cache.object_bytes && self.cache.memory.has(length) {
            self.cache.budget.clone().try_acquire_many_owned(units).ok()
        } else {
            None
        };
        let Some(permit) = permit else { return Err(self) };
        if !kept {
            self.cache.leave(&self.key, &self.fill);
        }
        let meta = Arc::new(meta);
        self.fill.head.send_replace(Some(Head::Shared(meta.clone())));
        Ok(Writer { lead: self, meta, _permit: permit })
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.cache.leave(&self.key, &self.fill);
        self.fill.head.send_if_modified(|head| {
            let silent = head.is_none();
            if silent {
                *head = Some(Head::Failed(Refusal::Upstream));
            }
            silent
        });
        self.fill.change(|state| {
            if matches!(state.end, End::Coming) {
                state.end = End::Broken;
                state.pieces.clear();
            }
        });
    }
}

/// Writes the body of a shared answer. Dropping it before the end breaks the answer for its readers.
pub(crate) struct Writer {
    lead: Lead,
    meta: Arc<Meta>,
    _permit: OwnedSemaphorePermit,
}

impl Writer {
    /// Adds a piece; `false` if there are more bytes than announced.
    pub(crate) fn push(&self, piece: Bytes) -> bool {
        let mut fits = true;
        self.lead.fill.change(|state| {
            let at = state.received;
            state.received += piece.len() as u64;
            fits = state.received <= self.meta.length;
            if fits && !piece.is_empty() {
                state.pieces.push((at, piece));
            }
        });
        fits
    }

    /// Ends the body, whole as announced; `None` if bytes are missing. Entries hold one piece of memory of their own.
    pub(crate) fn end(&self) -> Option<Bytes> {
        let pieces = {
            let state = runtime::lock(&self.lead.fill.state);
            if state.received != self.meta.length {
                return None;
            }
            state.pieces.clone()
        };
        let mut whole = Vec::with_capacity(usize::try_from(self.meta.length).ok()?);
        pieces.iter().for_each(|(_, piece)| whole.extend_from_slice(piece));
        let whole = self.lead.cache.memory.keep(whole);
        self.lead.fill.change(|state| {
            state.end = End::Whole(whole.clone());
            state.pieces.clear();
        });
        Some(whole)
    }

    pub(crate) fn meta(&self) -> &Meta {
        &self.meta
    }

    pub(crate) fn lead(&self) -> &Lead {
        &self.lead
    }
}

/// Reads a part of an answer on its way.
pub(crate) struct Reader {
    fill: Arc<Fill>,
    id: u64,
    at: u64,
    end: u64,
}

impl Reader {
    /// Bytes still to come.
    pub(crate) fn remaining(&self) -> u64 {
        self.end - self.at
    }

    /// The next bytes, as many as are there in one piece.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        if self.remaining() == 0 {
            return Poll::Ready(None);
        }
        let mut state = runtime::lock(&self.fill.state);
        let found = match &state.end {
            End::Whole(bytes) => Some((0, bytes.clone())),
            End::Broken => return Poll::Ready(Some(Err("the upstream interrupted its answer".into()))),
            End::Coming => {
                let after = state.pieces.partition_point(|(start, _)| *start <= self.at);
                let piece = after.checked_sub(1).and_then(|index| state.pieces.get(index));
                piece.filter(|(start, piece)| self.at < start + piece.len() as u64).cloned()
            }
        };
        let Some((start, piece)) = found else {
            state.waiting.insert(self.id, cx.waker().clone());
            return Poll::Pending;
        };
        let len = piece.len() as u64;
        let (from, to) = (self.at - start, (self.end - start).min(len));
        self.at = start + to;
        // Both fit: they lie within the piece.
        Poll::Ready(Some(Ok(piece.slice(from as usize..to as usize))))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        runtime::lock(&self.fill.state).waiting.remove(&self.id);
    }
}
