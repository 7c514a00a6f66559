//! What the jobs of the pipeline are, as they stand in the queue.

use jobs::{Lease, New};
use model::{AssetId, Generation, TitleId};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Priority of what a viewer needs first: the head of a title.
const HEAD: i32 = 10;
/// Priority of what a title is recognised by, behind the heads of all titles.
const SOON: i32 = 5;
/// Priority of everything else.
const BODY: i32 = 0;

/// What a job does, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// [`Work::Plan`].
    Plan,
    /// [`Work::Chunk`].
    Chunk,
    /// [`Work::Publish`].
    Publish,
    /// [`Work::Pictures`].
    Pictures,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Plan, Self::Chunk, Self::Publish, Self::Pictures];

    /// The word in the queue.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Chunk => "chunk",
            Self::Publish => "publish",
            Self::Pictures => "pictures",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A piece of work. The queue keeps its kind and its fields apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Read the source, decide whether and how it can be played, fix the plan.
    Plan(OfTitle),
    /// Encode one chunk.
    Chunk(OfChunk),
    /// Verify that everything is there, measure it, publish.
    Publish(OfGeneration),
    /// Make still pictures, without which a title is as good.
    Pictures(OfPictures),
}

/// The payload of [`Work::Plan`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfTitle {
    /// Whose source is read.
    pub title: TitleId,
}

/// The payload of [`Work::Chunk`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfChunk {
    /// Whose source is encoded.
    pub title: TitleId,
    /// Where the result belongs.
    pub asset: AssetId,
    /// Whose plan is followed.
    pub generation: Generation,
    /// The chunk's number in the plan.
    pub chunk: u32,
}

/// The payload of [`Work::Publish`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfGeneration {
    /// What becomes published.
    pub title: TitleId,
    /// Its asset.
    pub asset: AssetId,
    /// The encode that is finished.
    pub generation: Generation,
}

/// The payload of [`Work::Pictures`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfPictures {
    /// Whose source is looked at.
    pub title: TitleId,
    /// Where the pictures belong.
    pub asset: AssetId,
    /// The encode they are kept with.
    pub generation: Generation,
    /// Which pictures.
    pub pictures: Pictures,
}

/// Kinds of still pictures, each made by a job of its own: posters are wanted soon, and a storyboard takes long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pictures {
    /// What a title is recognised by.
    Posters,
    /// What is shown while a viewer looks for a place.
    Storyboard,
}

impl Work {
    /// Every kind, for workers that do all.
    pub const KINDS: [&str; 4] =
        [Kind::Plan.as_str(), Kind::Chunk.as_str(), Kind::Publish.as_str(), Self::PICTURES];

    /// Those that somebody may wait for.
    pub const AWAITED: [&str; 3] = [Kind::Plan.as_str(), Kind::Chunk.as_str(), Kind::Publish.as_str()];

    /// The least priority of what a viewer waits for, or the owner of a new title.
    pub const URGENT: i32 = HEAD;

    /// The kind that is held while encoding is paused.
    pub const ENCODING: &str = Kind::Chunk.as_str();

    /// The kind without which a title is as good.
    pub const PICTURES: &str = Kind::Pictures.as_str();

    /// Reads what a worker claimed.
    pub fn of(lease: &Lease) -> jobs::Result<Option<Self>> {
        let Some(kind) = Kind::parse(&lease.kind) else { return Ok(None) };
        Ok(Some(match kind {
            Kind::Plan => Self::Plan(lease.payload()?),
            Kind::Chunk => Self::Chunk(lease.payload()?),
            Kind::Publish => Self::Publish(lease.payload()?),
            Kind::Pictures => Self::Pictures(lease.payload()?),
        }))
    }

    pub(crate) fn plan(title: TitleId) -> New {
        New::job(Kind::Plan.as_str(), json!(OfTitle { title }))
            .title(title)
            .priority(HEAD)
            .key(format!("plan/{title}"))
    }

    /// The same once more: without a key, since the first one's is taken.
    pub(crate) fn plan_again(title: TitleId) -> New {
        New { key: None, ..Self::plan(title) }
    }

    /// `first`: whether the chunk belongs to the head that makes a title playable. `fingerprint`: who may encode it.
    pub(crate) fn chunk(of: &OfChunk, first: bool, fingerprint: &str) -> New {
        New::job(Kind::Chunk.as_str(), json!(of))
            .title(of.title)
            .priority(if first { HEAD } else { BODY })
            .capability(fingerprint)
            .key(Self::chunk_key(of.generation, of.chunk))
    }

    /// The key of a chunk's job in the queue.
    pub(crate) fn chunk_key(generation: Generation, chunk: u32) -> String {
        format!("chunk/{generation}/{chunk}")
    }

    /// How the keys of a generation's jobs begin.
    pub(crate) fn keys_of(generation: Generation) -> [String; 3] {
        [Kind::Chunk, Kind::Publish, Kind::Pictures].map(|kind| format!("{}/{generation}", kind.as_str()))
    }

    pub(crate) fn publish(of: &OfGeneration) -> New {
        New::job(Kind::Publish.as_str(), json!(of))
            .title(of.title)
            .priority(HEAD)
            .key(format!("publish/{}", of.generation))
    }

    /// Posters come behind the heads of all titles, a storyboard behind the chunks of its own.
    pub(crate) fn pictures(of: &OfPictures) -> New {
        let (name, priority) = match of.pictures {
            Pictures::Posters => ("posters", SOON),
            Pictures::Storyboard => ("storyboard", BODY),
        };
        let new = New::job(Self::PICTURES, json!(of)).title(of.title).priority(priority);
        New { max_attempts: 2, ..new.key(format!("pictures/{}/{name}", of.generation)) }
    }
}
