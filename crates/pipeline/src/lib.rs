//! The way of a title: received → probed → planned → encoding → published, or failed or rejected with a reason.
//!
//! This crate decides what happens next and writes it down; it encodes nothing and serves nobody. Events of the
//! store become titles ([`Intake`]), workers hand in results at the desk (the `probed`, `planned`, `encoded`,
//! `publish`, `rejected` and `failed` calls of [`Pipeline`]), and the [`Caretaker`] sees to it that no title waits for a job
//! that will never come. What a viewer waits for is encoded next ([`Pipeline::want`]). What people do to titles
//! (cancel, retry, re-encode, delete, restore) is done here too, and the [`Remover`] removes what they deleted.
//!
//! Every step changes the title, its chunks and the queue in one transaction, so that a process killed anywhere
//! leaves a title with which the next one continues.
//!
//! ```
//! use pipeline::Rule;
//! let key = "films/a.mp4".parse().unwrap();
//! assert!(Rule::defaults().iter().any(|rule| rule.matches(&model::BucketName::source(), &key)));
//! ```

mod caretaker;
mod config;
mod damage;
mod desk;
mod early;
mod error;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod intake;
pub mod keyframes;
mod operate;
mod pictures;
mod record;
mod remover;
mod rule;
mod space;
mod want;
pub mod work;

use std::sync::Arc;

use blob::Blob;
use blob::events::{PIPELINE, Subscriber};
use catalogue::Catalogue;
use db::Db;
use jobs::Queue;
use model::{AssetId, Generation, Key};
use template::Templates;
use tokio::sync::{Notify, watch};

pub use caretaker::Caretaker;
pub use config::Config;
pub use damage::{Damage, Owner, Scrubber, owner_of};
pub use desk::Made;
pub use early::{Early, Showing};
pub use error::{Error, Result};
pub use intake::{Intake, Outcome};
pub use operate::{By, Purge, SourceFile};
pub use pictures::Stills;
pub use remover::Remover;
pub use rule::{AfterPublish, Rule};
pub use space::no_room;
pub use want::{Hope, Place};
pub use work::{Kind, Work};

/// The name of something that was made, in bucket `media`.
fn media_key(asset: AssetId, generation: Generation, name: &str) -> Key {
    format!("{asset}/{generation}/{name}").parse().expect("ids and a short word make a key")
}

/// The door to the pipeline. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Pipeline {
    db: Db,
    blob: Blob,
    events: Subscriber,
    jobs: Queue,
    catalogue: Catalogue,
    rules: Arc<[Rule]>,
    templates: Templates,
    demand: Arc<want::Demand>,
    shown: Arc<early::Shown>,
    changes: watch::Sender<()>,
    stuck: Arc<intake::Stuck>,
    config: Arc<Config>,
    /// Rings when a title was deleted.
    removals: Arc<Notify>,
}

impl Pipeline {
    /// Joins the parts; they must share one database.
    pub fn new(db: Db, blob: Blob, jobs: Queue, catalogue: Catalogue, rules: Vec<Rule>) -> Self {
        let (demand, changes) = (Arc::default(), watch::Sender::new(()));
        let (config, removals) = (Arc::default(), Arc::default());
        let events = blob.subscriber(PIPELINE);
        Self {
            db,
            blob,
            events,
            jobs,
            catalogue,
            rules: rules.into(),
            templates: Templates::default(),
            demand,
            shown: Arc::default(),
            changes,
            stuck: Arc::default(),
            config,
            removals,
        }
    }

    /// Hints that something may be there now that was not before, or will never be: only from this process, so
    /// waiting code must also look by itself.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// The same pipeline with other settings than the default ones.
    #[must_use]
    pub fn with_config(self, config: Config) -> Self {
        Self { config: Arc::new(config), ..self }
    }

    /// The same pipeline with job templates of the operator beside the built-in ones.
    #[must_use]
    pub fn with_templates(self, templates: Templates) -> Self {
        Self { templates, ..self }
    }

    /// The job templates that there are.
    pub fn templates(&self) -> &Templates {
        &self.templates
    }

    /// The service that removes deleted titles, replaced encodes and old jobs.
    pub fn remover(&self) -> Remover {
        Remover { pipeline: self.clone() }
    }

    /// The service that turns events into titles.
    pub fn intake(&self) -> Intake {
        Intake { pipeline: self.clone() }
    }

    /// The service that ends titles whose jobs have failed.
    pub fn caretaker(&self) -> Caretaker {
        Caretaker { pipeline: self.clone() }
    }
}
