//! The record of what clients did, written in the transaction that did it, in the shape of S3's notifications.
//!
//! Every subscriber handles every event once. An object's bytes stay until all of them have handled its events.

use std::sync::atomic::{AtomicI64, Ordering};

use db::{Db, Tx, args};
use model::{BucketName, EventId, Key, ObjectId, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::bucket::REGION;
use crate::object;
use crate::{Blob, Error, Means, Object, Result};

/// Position of an event in the order of all events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    sequence: i64,
    /// The event.
    pub id: EventId,
}

/// Something a client did. Its object's bytes stay until every subscriber has handled it.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its identity.
    pub id: EventId,
    /// The bucket.
    pub bucket: BucketName,
    /// The key, decoded.
    pub key: Key,
    /// The object that was created or removed.
    pub object: ObjectId,
    /// One entry of S3's `Records` (event version 2.1); its key is URL-encoded.
    pub record: Value,
    /// When it happened.
    pub created_at: Timestamp,
}

impl Event {
    /// S3's name of what happened: `ObjectCreated:Put`, `ObjectRemoved:Delete`, …
    pub fn name(&self) -> &str {
        self.record["eventName"].as_str().unwrap_or_default()
    }

    /// Whether an object was created.
    pub fn is_creation(&self) -> bool {
        self.name().starts_with("ObjectCreated:")
    }
}

/// The subscriber that every store has from the beginning: it turns new objects into titles.
pub const PIPELINE: &str = "pipeline";

/// One part of the system that handles events, by its name. Several processes may share one. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Subscriber {
    db: Db,
    name: &'static str,
}

impl Blob {
    /// Registers a subscriber: it gets every event that is written from now on, also after a restart, until
    /// [`Subscriber::leave`]. One that is registered already stays as it is.
    pub async fn subscribe(&self, name: &'static str) -> Result<Subscriber> {
        let sql = "INSERT INTO event_subscribers (name) VALUES ($1) ON CONFLICT (name) DO NOTHING";
        self.db.execute(sql, args![name]).await?;
        Ok(self.subscriber(name))
    }

    /// A subscriber that is registered; any other gets no events.
    pub fn subscriber(&self, name: &'static str) -> Subscriber {
        Subscriber { db: self.db.clone(), name }
    }

    /// Changes whenever there may be new events in this process; another process's writes do not show.
    pub fn hints(&self) -> watch::Receiver<()> {
        self.hint.subscribe()
    }
}

impl Subscriber {
    /// Events that it has not handled, oldest first, at most `limit`: from the oldest one on, or behind a place. One
    /// that cannot be read has its place too, and takes no other with it.
    pub async fn events(&self, behind: Option<Place>, limit: u32) -> Result<Vec<(Place, Result<Event>)>> {
        const OLDEST: &str = "SELECT e.id, e.sequence, e.bucket, e.key, e.object, e.record, e.created_at
            FROM event_deliveries d JOIN events e ON e.id = d.event
            WHERE d.subscriber = $2 AND d.handled_at IS NULL ORDER BY d.sequence, d.event LIMIT $1";
        const BEHIND: &str = "SELECT e.id, e.sequence, e.bucket, e.key, e.object, e.record, e.created_at
            FROM event_deliveries d JOIN events e ON e.id = d.event
            WHERE d.subscriber = $2 AND d.handled_at IS NULL AND (d.sequence, d.event) > ($3, $4)
            ORDER BY d.sequence, d.event LIMIT $1";
        let rows = match behind {
            None => self.db.all(OLDEST, args![limit, self.name]).await?,
            Some(place) => self.db.all(BEHIND, args![limit, self.name, place.sequence, place.id]).await?,
        };
        let place = |row: &db::Row| -> Result<Place> {
            Ok(Place { sequence: row.get("sequence")?, id: row.get("id")? })
        };
        rows.iter().map(|row| Ok((place(row)?, read(row)))).collect()
    }

    /// Marks an event as handled by this subscriber, in the transaction that did what it asked for.
    /// Answers `false` if that had happened before: the caller then rolls back.
    pub async fn mark_handled(&self, tx: &mut Tx, id: EventId) -> Result<bool> {
        let sql = "UPDATE event_deliveries SET handled_at = $3
            WHERE event = $1 AND subscriber = $2 AND handled_at IS NULL";
        Ok(tx.execute(sql, args![id, self.name, tx.now()]).await? == 1)
    }

    /// Ends the subscription: nothing waits any more for what it has not handled.
    pub async fn leave(self) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute("DELETE FROM event_deliveries WHERE subscriber = $1", args![self.name]).await?;
        tx.execute("DELETE FROM event_subscribers WHERE name = $1", args![self.name]).await?;
        Ok(tx.commit().await?)
    }
}

/// URL-encodes a key as S3's notifications do: `/` is kept, a space becomes `+`.
pub fn encode_key(key: &str) -> String {
    const ESCAPED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b' ');
    utf8_percent_encode(key, ESCAPED).to_string().replace(' ', "+")
}

pub(crate) enum Kind {
    Created(Means),
    Removed,
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Self::Created(Means::Put) => "ObjectCreated:Put",
            Self::Created(Means::Post) => "ObjectCreated:Post",
            Self::Created(Means::Copy) => "ObjectCreated:Copy",
            Self::Created(Means::CompleteMultipartUpload) => "ObjectCreated:CompleteMultipartUpload",
            Self::Removed => "ObjectRemoved:Delete",
        }
    }
}

pub(crate) async fn record(tx: &mut Tx, kind: Kind, object: &Object, sequence: i64) -> Result<()> {
    let at = tx.now();
    let sql = "INSERT INTO events (id, sequence, bucket, key, object, record, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let record = render(&kind, object, sequence, at).to_string();
    let (id, key) = (EventId::new(), object.key.as_str().as_bytes());
    tx.execute(sql, args![id, sequence, &object.bucket, key, object.id, record, at]).await?;
    let sql = "INSERT INTO event_deliveries (event, subscriber, sequence)
        SELECT $1, name, $2 FROM event_subscribers";
    tx.execute(sql, args![id, sequence]).await?;
    Ok(())
}

fn render(kind: &Kind, object: &Object, sequence: i64, at: Timestamp) -> Value {
    let time = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let mut of = json!({ "key": encode_key(object.key.as_str()), "sequencer": format!("{sequence:016X}") });
    if matches!(kind, Kind::Created(_)) {
        of["size"] = object.size.into();
        of["eTag"] = object.etag.as_str().into();
    }
    json!({
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": format!("{time:.3}"),
        "eventName": kind.name(),
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {
                "name": object.bucket.as_str(),
                "arn": format!("arn:aws:s3:::{}", object.bucket),
            },
            "object": of,
        },
    })
}

fn read(row: &db::Row) -> Result<Event> {
    let record: String = row.get("record")?;
    Ok(Event {
        id: row.get("id")?,
        bucket: row.get("bucket")?,
        key: object::key(row.get("key")?)?,
        object: row.get("object")?,
        record: serde_json::from_str(&record).map_err(|e| Error::Row(e.to_string()))?,
        created_at: row.get("created_at")?,
    })
}

/// A number above every one that this process gave and above `before`, near the clock: so it also ascends across
/// restarts and after a key was deleted.
pub(crate) fn sequence(now: Timestamp, before: Option<i64>) -> i64 {
    static LAST: AtomicI64 = AtomicI64::new(0);
    let clock = now.0 << 16;
    let next = |last: i64| clock.max(last + 1).max(before.map_or(0, |b| b + 1));
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
    last.map_or(clock, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_encoded_with_their_slashes_kept() {
        let check = |key, expected| assert_eq!(encode_key(key), expected);
        check("films/Big Buck Bunny.mp4", "films/Big+Buck+Bunny.mp4");
        check("a//b+c%/ü\n", "a//b%2Bc%25/%C3%BC%0A");
        check("A-z_0.9*~", "A-z_0.9*%7E");
    }

    #[test]
    fn sequences_ascend_even_within_a_millisecond_and_after_a_clock_that_ran_ahead() {
        let now = Timestamp(1_700_000_000_000);
        let ahead = sequence(now, None) + (1 << 40);
        let mut last = sequence(now, Some(ahead));
        assert!(last > ahead);
        for _ in 0..1000 {
            let next = sequence(now, None);
            assert!(next > last);
            last = next;
        }
    }
}
