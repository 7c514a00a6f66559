//! The jobs of the pipeline, as they are stored in the queue.

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

/// How much later the turn of a chunk is for each ms of the title before it: several times as long as the slowest encode
/// takes for it, so that what is short gets in between the parts of what is long. A title that comes later overtakes only
/// chunks whose turn is after that.
const FAIR: u64 = 16;

/// Whether somebody waits for jobs of a kind: workers keep a slot for those.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// A title cannot do without them.
    Awaited,
    /// A title is as good without them.
    Extra,
}

/// The subject of jobs of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    /// A title.
    Title,
    /// One generation of its asset: their keys in the queue begin with the kind and the generation.
    Generation,
}

/// Makes [`Kind`] and [`Work`] of the table of kinds.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident($of:ident) = $word:literal, $need:ident, $about:ident;)*) => {
        /// The action of a job, in a word.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        /// A piece of work. The queue keeps its kind and its fields apart.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Work {
            $($(#[$doc])* $kind($of),)*
        }

        impl Kind {
            /// Every kind.
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$kind),*];

            /// The word in the queue.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)*
                }
            }

            const fn need(self) -> Need {
                match self {
                    $(Self::$kind => Need::$need,)*
                }
            }

            const fn about(self) -> About {
                match self {
                    $(Self::$kind => About::$about,)*
                }
            }
        }

        impl Work {
            /// Reads what a worker claimed.
            pub fn of(lease: &Lease) -> jobs::Result<Option<Self>> {
                let Some(kind) = Kind::parse(&lease.kind) else { return Ok(None) };
                Ok(Some(match kind {
                    $(Kind::$kind => Self::$kind(lease.payload()?),)*
                }))
            }
        }
    };
}

// Everything that is said of a kind of job, but who makes one (below) and how a worker does it (`worker::task`).
kinds! {
    /// Read the source, decide whether and how it can be played, fix the plan.
    Plan(OfTitle) = "plan", Awaited, Title;
    /// Encode one chunk.
    Chunk(OfChunk) = "chunk", Awaited, Generation;
    /// Verify that everything is there, measure it, publish.
    Publish(OfGeneration) = "publish", Awaited, Generation;
    /// Make still pictures, without which a title is as good.
    Pictures(OfPictures) = "pictures", Extra, Generation;
}

impl Kind {
    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// How many kinds there are that are needed at least so much.
const fn count(extra: bool) -> usize {
    let (mut count, mut n) = (0, 0);
    while n < Kind::ALL.len() {
        if extra || matches!(Kind::ALL[n].need(), Need::Awaited) {
            count += 1;
        }
        n += 1;
    }
    count
}

/// The words of those kinds.
const fn words<const N: usize>(extra: bool) -> [&'static str; N] {
    let (mut words, mut at, mut n) = ([""; N], 0, 0);
    while n < Kind::ALL.len() {
        if extra || matches!(Kind::ALL[n].need(), Need::Awaited) {
            words[at] = Kind::ALL[n].as_str();
            at += 1;
        }
        n += 1;
    }
    words
}

/// The payload of [`Work::Plan`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfTitle {
    /// The title whose source is read.
    pub title: TitleId,
}

/// The payload of [`Work::Chunk`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfChunk {
    /// The title whose source is encoded.
    pub title: TitleId,
    /// Where the result belongs.
    pub asset: AssetId,
    /// The generation whose plan is followed.
    pub generation: Generation,
    /// The chunk's number in the plan.
    pub chunk: u32,
}

/// The payload of [`Work::Publish`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfGeneration {
    /// The title to publish.
    pub title: TitleId,
    /// Its asset.
    pub asset: AssetId,
    /// The encode that is finished.
    pub generation: Generation,
}

/// The payload of [`Work::Pictures`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfPictures {
    /// The title whose source is inspected.
    pub title: TitleId,
    /// Where the pictures belong.
    pub asset: AssetId,
    /// The encode they are kept with.
    pub generation: Generation,
    /// Which pictures.
    pub pictures: Pictures,
}

/// Kinds of still pictures, each made by a job of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pictures {
    /// A poster that represents a film until all of it is encoded.
    First,
    /// Posters of a title.
    Posters,
    /// Pictures that are shown while a viewer seeks.
    Storyboard,
}

impl Work {
    /// Every kind, for workers that do all.
    pub const KINDS: [&str; count(true)] = words(true);

    /// Those that somebody may wait for.
    pub const AWAITED: [&str; count(false)] = words(false);

    /// The least priority of what a viewer waits for, or the owner of a new title.
    pub const URGENT: i32 = HEAD;

    /// The kind that is held while encoding is paused.
    pub const ENCODING: &str = Kind::Chunk.as_str();

    /// The kind without which a title is as good.
    pub const PICTURES: &str = Kind::Pictures.as_str();

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

    /// `first`: whether the chunk belongs to the head that makes a title playable. `at_ms`: where in the title it begins.
    /// `fingerprint`: who may encode it.
    pub(crate) fn chunk(of: &OfChunk, first: bool, at_ms: u64, fingerprint: &str) -> New {
        New::job(Kind::Chunk.as_str(), json!(of))
            .title(of.title)
            .priority(if first { HEAD } else { BODY })
            .behind_ms(i64::try_from(at_ms.saturating_mul(FAIR)).unwrap_or(i64::MAX / 2))
            .capability(fingerprint)
            .key(Self::chunk_key(of.generation, of.chunk))
    }

    /// The key of a chunk's job in the queue.
    pub(crate) fn chunk_key(generation: Generation, chunk: u32) -> String {
        format!("chunk/{generation}/{chunk}")
    }

    /// How the keys of a generation's jobs begin.
    pub(crate) fn keys_of(generation: Generation) -> impl Iterator<Item = String> {
        let kinds = Kind::ALL.into_iter().filter(|kind| kind.about() == About::Generation);
        kinds.map(move |kind| format!("{}/{generation}", kind.as_str()))
    }

    pub(crate) fn publish(of: &OfGeneration) -> New {
        New::job(Kind::Publish.as_str(), json!(of))
            .title(of.title)
            .priority(HEAD)
            .key(format!("publish/{}", of.generation))
    }

    /// Pictures come behind the heads of all titles. Earlier versions made those of a film before it was encoded, under the
    /// names `posters` and `storyboard`: where such a job is there, another one follows it all the same.
    pub(crate) fn pictures(of: &OfPictures) -> New {
        let (name, priority) = match of.pictures {
            Pictures::First => ("first", SOON),
            Pictures::Posters => ("best", SOON),
            Pictures::Storyboard => ("board", BODY),
        };
        let new = New::job(Self::PICTURES, json!(of)).title(of.title).priority(priority);
        New { max_attempts: 2, ..new.key(format!("pictures/{}/{name}", of.generation)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_that_are_queued_keep_their_words_and_keys() {
        assert_eq!(Work::KINDS, ["plan", "chunk", "publish", "pictures"]);
        assert_eq!(Work::AWAITED, ["plan", "chunk", "publish"]);
        let generation = Generation::new();
        let keys: Vec<String> = Work::keys_of(generation).collect();
        assert_eq!(keys, ["chunk", "publish", "pictures"].map(|kind| format!("{kind}/{generation}")));
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(Kind::parse("bake"), None);
    }
}
