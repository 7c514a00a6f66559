//! A title as it is read and as it is made.

use db::Row;
use model::media::Stills;
use model::title::{State, Visibility};
use model::{AccountId, AssetId, BucketName, Generation, Key, ObjectId, Timestamp, TitleId};

use crate::{Error, Result, pictures};

/// Most characters of a name.
const NAME_CHARS: usize = 200;

/// A title as viewers see it: a film, an episode, a song.
#[derive(Debug, Clone, PartialEq)]
pub struct Title {
    /// Its id; ordered by creation.
    pub id: TitleId,
    /// 1 to 200 characters; from the file's name at first.
    pub name: String,
    /// Its description: plain text of several lines, perhaps empty.
    pub description: String,
    /// How often people changed what is written about it: the version of name, description and visibility.
    pub edited: u64,
    /// Where it stands.
    pub state: State,
    /// The reason why it waits, or why it failed or was rejected; `None` only when published.
    pub reason: Option<String>,
    /// Stored share of the shown generation's work in ‰.
    pub progress: u16,
    /// Whether manifests answer and the first segments of the lowest rendition and its audio are stored.
    pub playable: bool,
    /// The audience that may see it.
    pub visibility: Visibility,
    /// The account that uploaded it, if any.
    pub owner: Option<AccountId>,
    /// The uploaded object.
    pub source_object: ObjectId,
    /// The bucket it was uploaded into.
    pub bucket: BucketName,
    /// The key it was uploaded under.
    pub source_key: Key,
    /// Name of the job template.
    pub template: String,
    /// Film or song; `None` until the source was probed.
    pub kind: Option<Kind>,
    /// Width as seen, in pixels, of a film.
    pub width: Option<u32>,
    /// Height as seen, in pixels, of a film.
    pub height: Option<u32>,
    /// Duration in ms; `None` until the source was probed.
    pub duration_ms: Option<u64>,
    /// Its asset, once there is a plan.
    pub asset: Option<AssetId>,
    /// The generation that is shown, once there is a plan.
    pub generation: Option<Generation>,
    /// When the upload became a title.
    pub created_at: Timestamp,
    /// Whether the upload stays once the title is published.
    pub keep_source: bool,
    /// When the upload's bytes were dropped.
    pub source_dropped_at: Option<Timestamp>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// When the upload's bytes will be dropped, if somebody deleted it: until then that can be undone.
    pub source_purge_at: Option<Timestamp>,
    /// End of the time in which a deleted title can be restored.
    pub purge_at: Option<Timestamp>,
    /// Posters and storyboard of the shown generation, as far as they are stored.
    pub stills: Stills,
}

/// Whether there is a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// With a picture, with or without sound.
    Video,
    /// Sound only.
    Audio,
}

impl Kind {
    /// The word in SQL, JSON and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Video, Self::Audio].into_iter().find(|k| k.as_str() == word)
    }
}

/// A title to be made of an upload.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTitle {
    /// Its name; made fit when it is not.
    pub name: String,
    /// The bucket of the upload.
    pub bucket: BucketName,
    /// The key of the upload.
    pub key: Key,
    /// The uploaded object: becomes one title, once.
    pub object: ObjectId,
    /// Name of the job template.
    pub template: String,
    /// The audience that may see it.
    pub visibility: Visibility,
    /// The account that uploaded it.
    pub owner: Option<AccountId>,
    /// Whether the upload stays once the title is published.
    pub keep_source: bool,
}

impl NewTitle {
    /// A title for members, named after the file.
    pub fn of(bucket: BucketName, key: Key, object: ObjectId, template: impl Into<String>) -> Self {
        Self {
            name: name_of(&key),
            bucket,
            key,
            object,
            template: template.into(),
            visibility: Visibility::Members,
            owner: None,
            keep_source: true,
        }
    }
}

impl Title {
    pub(crate) fn read(row: &Row) -> Result<Self> {
        let word = |column| row.get::<String>(column);
        let (state, visibility) = (word("state")?, word("visibility")?);
        let kind = row.get_opt::<String>("kind")?;
        let kind =
            kind.map(|word| Kind::parse(&word).ok_or(Error::Word { what: "kind", word })).transpose()?;
        Ok(Self {
            id: row.get("id")?,
            name: row.get("name")?,
            description: row.get("description")?,
            edited: row.get("edited")?,
            state: State::parse(&state).ok_or(Error::Word { what: "state of a title", word: state })?,
            reason: row.get_opt("reason")?,
            progress: row.get("progress")?,
            playable: row.get("playable")?,
            visibility: Visibility::parse(&visibility)
                .ok_or(Error::Word { what: "visibility", word: visibility })?,
            owner: row.get_opt("owner")?,
            source_object: row.get("source_object")?,
            bucket: row.get("bucket")?,
            source_key: row.get("source_key")?,
            template: row.get("template")?,
            kind,
            width: row.get_opt("width")?,
            height: row.get_opt("height")?,
            duration_ms: row.get_opt("duration_ms")?,
            asset: row.get_opt("asset")?,
            generation: row.get_opt("generation")?,
            created_at: row.get("created_at")?,
            keep_source: row.get("keep_source")?,
            source_dropped_at: row.get_opt("source_dropped_at")?,
            deleted_at: row.get_opt("deleted_at")?,
            source_purge_at: row.get_opt("source_purge_at")?,
            purge_at: row.get_opt("purge_at")?,
            stills: pictures::read(row)?,
        })
    }
}

/// The file's name without its ending.
pub(crate) fn name_of(key: &Key) -> String {
    let file = key.file_name().trim_end_matches('/');
    match file.rsplit_once('.') {
        Some((stem, ending)) if !stem.trim().is_empty() && ending.len() <= 5 => stem.to_owned(),
        _ => file.to_owned(),
    }
}

/// Makes any text a name: control characters become blanks, it is cut, and never empty.
pub(crate) fn fit(name: &str) -> String {
    let clean: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let name: String = clean.trim().chars().take(NAME_CHARS).collect();
    let name = name.trim_end();
    if name.is_empty() { "Untitled".into() } else { name.into() }
}

/// Takes a name that a person chose, as it is.
pub(crate) fn checked(name: &str) -> Result<&str> {
    let name = name.trim();
    let length = name.chars().count();
    let good = (1..=NAME_CHARS).contains(&length) && !name.chars().any(char::is_control);
    if good { Ok(name) } else { Err(Error::Name) }
}

/// A name as it is compared with another, the same on every engine.
pub(crate) fn fold(name: &str) -> String {
    name.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_named_after_their_file() {
        let check = |key: &str, name: &str| assert_eq!(fit(&name_of(&key.parse().unwrap())), name, "{key}");
        check("films/Big Buck Bunny.mp4", "Big Buck Bunny");
        check("a//b/quote'\"<b>.mkv", "quote'\"<b>");
        check("Mr. Robinson", "Mr. Robinson");
        check(".mp4", ".mp4");
        check("folder/", "folder");
        check("/", "Untitled");
        check("new\nline\u{1b}[2J.mp4", "new line [2J");
        check(&"é".repeat(400), &"é".repeat(200));
    }

    #[test]
    fn chosen_names_are_taken_as_they_are_or_refused() {
        assert_eq!(checked("  Ünïcödé ☂ ").unwrap(), "Ünïcödé ☂");
        for bad in ["", "  ", "a\nb", &"x".repeat(201)] {
            assert!(checked(bad).is_err(), "{bad:?}");
        }
    }
}
