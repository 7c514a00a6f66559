//! The outbox: messages to send, with recipient and expiry.

use std::fmt;
use std::sync::Arc;

use db::{Db, Rewrite, Row, Sql, Tx, args, rewrite, sql};
use model::Timestamp;
use seal::{KeyRing, Purpose, Renewed, Vault, is_sealed};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::jitter::random_byte;
use crate::{Error, Result};

/// Messages that may wait at once.
pub(crate) const MAX_WAITING: u32 = 10_000;

const ENQUEUE: &str = "INSERT INTO outbox
    (id, message, kind, channel, attempt, recipient, payload, created_at, expires_at, run_at)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $11 WHERE $10 > (SELECT COUNT(*) FROM (
        SELECT 1 AS one FROM outbox WHERE sent_at IS NULL AND failed_at IS NULL LIMIT $10) waiting)
    ON CONFLICT (message, channel, attempt) DO NOTHING";
const THERE: &str = "SELECT id FROM outbox WHERE message = $1 AND channel = $2 AND attempt = $3";

const CLAIM: Sql = sql!(
    "UPDATE outbox SET tries = tries + 1, run_at = $2 WHERE id IN (
        SELECT id FROM outbox WHERE sent_at IS NULL AND failed_at IS NULL AND run_at <= $1 AND expires_at > $1
        ORDER BY run_at, id LIMIT $3" [FOR UPDATE SKIP LOCKED] ")
    RETURNING *"
);

/// The row stays until it expires, so that the same attempt is not queued twice; the address is not needed for that.
/// `tries` is the fence: who was overtaken settles nothing.
const SENT: &str =
    "UPDATE outbox SET sent_at = $3, recipient = '', payload = '' WHERE id = $1 AND tries = $2";
const FAILED: &str =
    "UPDATE outbox SET failed_at = $3, recipient = '', payload = '' WHERE id = $1 AND tries = $2";
const RETRY: &str = "UPDATE outbox SET run_at = $3 WHERE id = $1 AND tries = $2 AND sent_at IS NULL";
const DROP_EXPIRED: &str = "DELETE FROM outbox WHERE expires_at <= $1 RETURNING sent_at, failed_at";

/// Waiting messages that are not sealed under the newest key.
const SEAL: Rewrite = rewrite!(
    "outbox",
    "id, recipient, payload",
    "recipient <> '' AND recipient NOT LIKE $3",
    "recipient = $2, payload = $3"
);

/// Rows that [`Outbox::drop_expired`] and [`Outbox::claim`] would change. The indexes of expiry and of waiting rows
/// answer it.
const ANY_DUE: &str = "SELECT 1 AS one WHERE EXISTS (SELECT 1 FROM outbox WHERE expires_at <= $1) OR EXISTS (
    SELECT 1 FROM outbox WHERE sent_at IS NULL AND failed_at IS NULL AND run_at <= $1 AND expires_at > $1)";

/// The way a message takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// E-mail.
    Mail,
}

impl Channel {
    /// The word in SQL and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
        }
    }
}

/// A message to queue. `message`, `channel` and `attempt` together are unique: queueing them again does nothing.
#[derive(Clone, Copy)]
pub struct New<'a> {
    /// The subject of the message: the owner's key, a challenge for example.
    pub message: &'a str,
    /// Tells the renderer what to write: `code`.
    pub kind: &'a str,
    /// The way it takes.
    pub channel: Channel,
    /// 1 for the first sending, more for resends.
    pub attempt: u32,
    /// The address.
    pub to: &'a str,
    /// Given back to the renderer. Holds no secrets.
    pub payload: &'a str,
    /// Now.
    pub created: Timestamp,
    /// When it is dropped if it has not been sent.
    pub expires: Timestamp,
}

/// A queued message that is being sent.
pub struct Item {
    pub(crate) id: String,
    pub(crate) tries: u32,
    message: String,
    kind: String,
    to: String,
    payload: String,
    channel: Channel,
    expires: Timestamp,
}

impl Item {
    /// [`New::message`].
    pub fn message(&self) -> &str {
        &self.message
    }

    /// [`New::kind`].
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The way it takes.
    pub fn channel(&self) -> Channel {
        self.channel
    }

    /// [`New::to`].
    pub fn to(&self) -> &str {
        &self.to
    }

    /// [`New::payload`].
    pub fn payload(&self) -> &str {
        &self.payload
    }

    /// When it is dropped.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// An item whose address and payload are still sealed.
    fn read(row: &Row) -> db::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            tries: row.get("tries")?,
            message: row.get("message")?,
            kind: row.get("kind")?,
            to: row.get("recipient")?,
            payload: row.get("payload")?,
            channel: Channel::Mail,
            expires: row.get("expires_at")?,
        })
    }
}

/// Shows neither the address nor what the message is about.
impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// The queue of messages. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox {
    db: Db,
    vault: Vault,
    wake: Arc<Notify>,
    pause: Pause,
}

/// How long a message waits before it is sent, at random. Sending costs time that the next requests of the sender can
/// be felt to take, and only some messages are really sent: without a pause that would tell which.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pause {
    /// At least, in ms.
    pub least_ms: u32,
    /// At most, in ms.
    pub most_ms: u32,
}

impl Pause {
    /// For channels over the network: longer than a sign-in page takes to ask again, shorter than people notice.
    pub const NETWORK: Self = Self { least_ms: 250, most_ms: 1750 };

    fn pick(self, random: u8) -> i64 {
        let spread = i64::from(self.most_ms.saturating_sub(self.least_ms));
        i64::from(self.least_ms) + spread * i64::from(random) / 255
    }
}

impl Outbox {
    /// Opens the outbox in a migrated database. What a version before kept clear is sealed when this answers.
    pub async fn open(db: Db, ring: &KeyRing) -> Result<Self> {
        let (vault, pause) = (Vault::new(ring, Purpose::Personal), Pause::default());
        let outbox = Self { db, vault, wake: Arc::default(), pause };
        outbox.renew().await?;
        Ok(outbox)
    }

    /// The same outbox whose messages wait for a random time before they are sent.
    #[must_use]
    pub fn with_pause(self, pause: Pause) -> Self {
        Self { pause, ..self }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.db.now()
    }

    /// Seals, under the newest key, what waits and is not. What does not open is logged and holds up no other.
    pub async fn renew(&self) -> Result<Renewed> {
        let others = format!("{}%", self.vault.newest_mark()?);
        let mut unopened = 0;
        let sealed = self.db.rewrite(&SEAL, &others, |row| {
            let (id, mut to): (String, String) = (row.get("id")?, row.get("recipient")?);
            let mut payload: String = row.get("payload")?;
            if is_sealed(&to) {
                match self.open_both(&id, &to, &payload) {
                    Ok(both) => (to, payload) = both,
                    Err(error) => {
                        tracing::error!(id, error = %model::Chain(&error), "cannot decrypt a message; it stays as it is");
                        unopened += 1;
                        return Ok(None);
                    }
                }
            }
            let (to, payload) = (self.seal("recipient", &id, &to)?, self.seal("payload", &id, &payload)?);
            Ok::<_, Error>(Some(args![id, to, payload]))
        });
        let sealed = sealed.await?;
        Ok(Renewed { sealed, unopened })
    }

    fn seal(&self, column: &str, id: &str, text: &str) -> seal::Result<String> {
        self.vault.seal_text(&format!("outbox.{column}|{id}"), text)
    }

    fn open_both(&self, id: &str, to: &str, payload: &str) -> seal::Result<(String, String)> {
        let open = |column, text| self.vault.open_text(&format!("outbox.{column}|{id}"), text);
        Ok((open("recipient", to)?, open("payload", payload)?))
    }

    /// Queues a message in the caller's transaction; call [`Self::wake`] after the commit. A full queue refuses.
    pub async fn enqueue(&self, tx: &mut Tx, new: &New<'_>) -> Result<()> {
        let id = Uuid::now_v7().as_simple().to_string();
        let (to, payload) = (self.seal("recipient", &id, new.to)?, self.seal("payload", &id, new.payload)?);
        let args = args![
            id,
            new.message,
            new.kind,
            new.channel.as_str(),
            new.attempt,
            to,
            payload,
            new.created,
            new.expires,
            MAX_WAITING,
            new.created.plus_ms(self.pause.pick(random_byte()))
        ];
        if tx.execute(ENQUEUE, args).await? == 0 {
            let again = args![new.message, new.channel.as_str(), new.attempt];
            tx.opt(THERE, again).await?.ok_or(Error::Full { waiting: MAX_WAITING })?;
        }
        Ok(())
    }

    /// Hints to a service in this process that something was queued.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Whether there is something to send or to drop: reads only, so that an idle service writes nothing.
    pub(crate) async fn is_due(&self, now: Timestamp) -> Result<bool> {
        Ok(self.db.opt(ANY_DUE, args![now]).await?.is_some())
    }

    /// Takes up to `limit` due messages for `lease_ms`; they come back when they are not settled by then.
    pub(crate) async fn claim(&self, now: Timestamp, lease_ms: i64, limit: u32) -> Result<Vec<Item>> {
        let sql = self.db.pick(CLAIM);
        let rows = self.db.returning(sql, args![now, now.plus_ms(lease_ms), limit]).await?;
        let mut items = Vec::new();
        for row in &rows {
            let mut item = Item::read(row)?;
            match self.open_both(&item.id, &item.to, &item.payload) {
                Ok(both) => {
                    (item.to, item.payload) = both;
                    items.push(item);
                }
                // Tried again when its time comes, and dropped in the end: the key may come back.
                Err(error) => {
                    tracing::error!(error = %model::Chain(&error), ?item, "cannot decrypt a message")
                }
            }
        }
        items.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(items)
    }

    pub(crate) async fn sent(&self, item: &Item, now: Timestamp) -> Result<()> {
        self.db.execute(SENT, args![&item.id, item.tries, now]).await?;
        Ok(())
    }

    /// Gives a message up.
    pub(crate) async fn failed(&self, item: &Item, now: Timestamp) -> Result<()> {
        self.db.execute(FAILED, args![&item.id, item.tries, now]).await?;
        Ok(())
    }

    pub(crate) async fn retry(&self, item: &Item, at: Timestamp) -> Result<()> {
        self.db.execute(RETRY, args![&item.id, item.tries, at]).await?;
        Ok(())
    }

    /// Deletes what expired; answers how many of those were never sent.
    pub(crate) async fn drop_expired(&self, now: Timestamp) -> Result<usize> {
        let rows = self.db.returning(DROP_EXPIRED, args![now]).await?;
        let mut unsent = 0;
        for row in &rows {
            let settled = row.get_opt::<Timestamp>("sent_at")?.or(row.get_opt("failed_at")?);
            unsent += usize::from(settled.is_none());
        }
        Ok(unsent)
    }
}
