//! Messages to people: an outbox in the database, a service that delivers it, and channels.
//!
//! A request only writes a row ([`Outbox::enqueue`]), in the transaction of the change that it tells about.
//! [`Service`] delivers at least once and drops what expired. Rows hold no text: what a message says (a code
//! above all) is rendered at the moment of sending, by the crate that enqueued it. The recipient is sealed until it is
//! sent.
//!
//! Two channels stand behind [`Notifier`]: a mail server ([`Smtp`]) and, for development, a folder with a file per
//! mail ([`Mailbox`]). This crate does not decide who may be written to, or how often.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use std::sync::Arc;
//! use model::Timestamp;
//! use notify::{Channel, Mail, Mailbox, New, Outbox, Service};
//! # let dir = tempfile::tempdir().unwrap();
//! # let db = db::Db::open_sqlite(&dir.path().join("kinora.db")).await?;
//! db.migrate(&[notify::MIGRATIONS]).await?;
//! let outbox = Outbox::open(db.clone(), &seal::testing::ring(8)).await?;
//! let mailbox = Mailbox::open(dir.path().join("mail"), "Kinora <no-reply@localhost>")?;
//! let render = Arc::new(|item: &notify::Item| Some(Mail::new(item.to(), "Hello", format!("Hi {}", item.payload()))));
//! let service = Service::new(outbox.clone(), Arc::new(mailbox), render);
//!
//! let now = Timestamp(1_700_000_000_000);
//! let message = New {
//!     message: "greeting-1", kind: "greeting", channel: Channel::Mail, attempt: 1,
//!     to: "ann@example.org", payload: "Ann", created: now, expires: now.plus_ms(60_000),
//! };
//! let mut tx = db.begin().await?;
//! outbox.enqueue(&mut tx, &message).await?;
//! tx.commit().await?;
//! outbox.wake();
//! assert_eq!(service.deliver_due(now).await?, 1);
//! assert_eq!(std::fs::read_dir(dir.path().join("mail")).unwrap().count(), 1);
//! # Ok::<(), notify::Error>(()) }).unwrap();
//! ```

mod error;
mod jitter;
mod mail;
mod mailbox;
mod notifier;
mod outbox;
mod schema;
mod sender;
mod service;
pub mod smtp;

pub use error::{Error, Result};
pub use mail::Mail;
pub use mailbox::Mailbox;
pub use notifier::Notifier;
pub use outbox::{Channel, Item, New, Outbox, Pause};
pub use schema::MIGRATIONS;
pub use sender::Sender;
pub use service::{Render, Service};
pub use smtp::Smtp;
