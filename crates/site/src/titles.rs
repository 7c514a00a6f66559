//! Titles as pages show them.

use api::posters::Poster;
use api::titles::{may_edit, reason};
use catalogue::Title;
use model::{Clock, Timestamp, TitleId, title};

use crate::visitor::Visitor;
use crate::words;

/// A title in the grid.
#[derive(Debug)]
pub(crate) struct Tile {
    pub(crate) id: TitleId,
    pub(crate) name: String,
    pub(crate) glyph: String,
    pub(crate) hue: u8,
    pub(crate) state: &'static str,
    /// Where the name leads, if anywhere.
    pub(crate) link: Option<String>,
    /// URL of the settings, for accounts that may change them.
    pub(crate) settings: Option<String>,
    pub(crate) clock: Option<String>,
    pub(crate) length: Option<String>,
    pub(crate) added: String,
    pub(crate) added_iso: String,
    /// A state that is worth a word.
    pub(crate) badge: Option<&'static str>,
    /// Whether it needs somebody's attention.
    pub(crate) bad: bool,
    /// In ‰, while it is under way.
    pub(crate) progress: Option<u16>,
    pub(crate) percent: String,
    pub(crate) playable: bool,
    /// The reason for its state, for accounts that may change it.
    pub(crate) reason: Option<String>,
    /// The share that the visitor has seen, in ‰, if they can resume.
    pub(crate) seen: Option<u16>,
    pub(crate) poster: Option<Poster>,
}

impl Tile {
    pub(crate) fn of(title: &Title, visitor: &Visitor, poster: Option<Poster>, now: Timestamp) -> Self {
        let edit = may_edit(title, visitor);
        let bad = matches!(title.state, title::State::Failed | title::State::Rejected);
        let settings = format!("/title/{}", title.id);
        let link = if title.playable {
            Some(format!("/watch/{}", title.id))
        } else {
            edit.then(|| settings.clone())
        };
        Self {
            id: title.id,
            name: title.name.clone(),
            glyph: words::glyph(&title.name),
            hue: words::hue(title.id),
            state: title.state.as_str(),
            link,
            settings: edit.then_some(settings),
            clock: title.duration_ms.map(|ms| Clock(ms).to_string()),
            length: title.duration_ms.map(words::length),
            added: words::ago(title.created_at, now),
            added_iso: words::iso(title.created_at),
            badge: (title.state != title::State::Published).then(|| words::state(title.state)),
            bad,
            progress: (!title.state.is_final()).then_some(title.progress),
            percent: words::percent(title.progress),
            playable: title.playable,
            reason: reason(title, visitor).map(words::sentence),
            seen: None,
            poster,
        }
    }

    /// The tile of a title that the visitor began to watch.
    pub(crate) fn seen(self, permille: u16) -> Self {
        Self { seen: Some(permille), ..self }
    }
}
