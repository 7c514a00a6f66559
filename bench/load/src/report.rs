//! Counting what happened.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::process::Spent;

/// Messages that are kept of one viewer and of all.
const MESSAGES: usize = 10;

/// Kind of a fetched file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Playlist,
    Segment,
}

/// Results of one viewer, or of all of them.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Time until the last byte, in µs.
    times: BTreeMap<Kind, Vec<u32>>,
    bytes: u64,
    errors: u64,
    messages: Vec<String>,
}

/// The printed result.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) bytes: u64,
    pub(crate) seconds: f64,
    pub(crate) bytes_per_second: f64,
    /// Time until the last byte.
    pub(crate) times: BTreeMap<Kind, Times>,
    /// The first errors.
    pub(crate) messages: Vec<String>,
    pub(crate) server: Option<Spent>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Times {
    requests: u64,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

impl Tally {
    pub(crate) fn fetched(&mut self, kind: Kind, took: Duration, bytes: u64) {
        self.times.entry(kind).or_default().push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
        self.bytes += bytes;
    }

    pub(crate) fn failed(&mut self, error: &anyhow::Error) {
        self.errors += 1;
        if self.messages.len() < MESSAGES {
            self.messages.push(format!("{error:#}"));
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (kind, times) in other.times {
            self.times.entry(kind).or_default().extend(times);
        }
        self.bytes += other.bytes;
        self.errors += other.errors;
        self.messages.extend(other.messages);
        self.messages.truncate(MESSAGES);
    }

    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    pub(crate) fn report(self, took: Duration, server: Option<Spent>) -> Report {
        let seconds = took.as_secs_f64();
        let times: BTreeMap<Kind, Times> =
            self.times.into_iter().map(|(kind, times)| (kind, Times::of(times))).collect();
        Report {
            requests: times.values().map(|times| times.requests).sum(),
            errors: self.errors,
            bytes: self.bytes,
            seconds,
            bytes_per_second: self.bytes as f64 / seconds,
            times,
            messages: self.messages,
            server,
        }
    }
}

impl Times {
    fn of(mut times: Vec<u32>) -> Self {
        times.sort_unstable();
        let at = |part: usize| times.get((times.len() * part / 100).min(times.len() - 1)).copied();
        let ms = |us: Option<u32>| f64::from(us.unwrap_or(0)) / 1000.0;
        let (p50_ms, p99_ms, max_ms) = (ms(at(50)), ms(at(99)), ms(at(100)));
        Self { requests: times.len() as u64, p50_ms, p99_ms, max_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_ordered() {
        let times = Times::of((1..=1000).rev().map(|ms| ms * 1000).collect());
        assert_eq!((times.p50_ms, times.p99_ms, times.max_ms), (501.0, 991.0, 1000.0));
    }
}
