//! A kept answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_RANGES, AGE, CONTENT_LENGTH, ETAG, HeaderMap, HeaderValue, LAST_MODIFIED};
use http::{Response, StatusCode};
use model::Timestamp;
use tokio::time::Instant;

use crate::cache::{Keep, Key, keep};
use crate::headers::{self, CACHE_STATUS, X_CACHE, X_REQUEST_ID};

/// Bytes that an entry takes besides its body, about.
const OVERHEAD: u64 = 1536;

/// Status and headers of an answer whose length is known, without anything that concerns one viewer.
#[derive(Debug, Clone)]
pub(crate) struct Meta {
    pub(crate) status: StatusCode,
    /// With places for what each answer sets, so that copies need not grow.
    pub(crate) headers: HeaderMap,
    pub(crate) length: u64,
}

impl Meta {
    pub(crate) fn new(status: StatusCode, mut headers: HeaderMap, length: u64) -> Self {
        headers::make_common(&mut headers);
        headers.insert(CONTENT_LENGTH, headers::number(length));
        if status == StatusCode::OK {
            headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        }
        for name in [AGE, X_CACHE, CACHE_STATUS, X_REQUEST_ID] {
            headers.insert(name, HeaderValue::from_static("-"));
        }
        Self { status, headers, length }
    }

    pub(crate) fn etag(&self) -> Option<&HeaderValue> {
        self.headers.get(ETAG)
    }

    pub(crate) fn modified(&self) -> Option<&HeaderValue> {
        self.headers.get(LAST_MODIFIED)
    }
}

/// A kept answer with its age.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) meta: Meta,
    pub(crate) body: Bytes,
    stored: Instant,
    fresh: Duration,
    age: Duration,
    held: Held,
}

impl Entry {
    pub(crate) fn new(
        key: Key,
        meta: Meta,
        body: Bytes,
        (fresh, age): (Duration, Duration),
        now: Instant,
        gauge: &Arc<Gauge>,
    ) -> Self {
        let bytes = OVERHEAD + body.len() as u64 + key.target.len() as u64;
        Self { key, meta, body, stored: now, fresh, age, held: Held::new(gauge, bytes) }
    }

    /// The same bytes with the headers of a 304 answer (RFC 9111 §3.2) that came at `date`, and whether they may be kept
    /// now.
    pub(crate) fn renewed(&self, answer: &Response<()>, now: Instant, date: Timestamp) -> (Self, bool) {
        let mut headers = self.meta.headers.clone();
        headers.remove(AGE);
        for name in answer.headers().keys() {
            headers.remove(name);
        }
        for (name, value) in answer.headers() {
            headers.append(name.clone(), value.clone());
        }
        let (freshness, kept) = match keep(self.meta.status, &headers, date) {
            Keep::For { fresh, age } => ((fresh, age), true),
            Keep::Share | Keep::Alone => ((Duration::ZERO, Duration::ZERO), false),
        };
        let meta = Meta::new(self.meta.status, headers, self.meta.length);
        (Self::new(self.key.clone(), meta, self.body.clone(), freshness, now, &self.held.gauge), kept)
    }

    pub(crate) fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.stored) < self.fresh
    }

    /// Time since the origin made or confirmed it.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        self.age + now.saturating_duration_since(self.stored)
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> u64 {
        self.held.bytes
    }
}

/// Counts bytes of something that exists.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicU64);

impl Gauge {
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Bytes that are counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    gauge: Arc<Gauge>,
    bytes: u64,
}

impl Held {
    pub(crate) fn new(gauge: &Arc<Gauge>, bytes: u64) -> Self {
        gauge.0.fetch_add(bytes, Ordering::Relaxed);
        Self { gauge: gauge.clone(), bytes }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.gauge.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
