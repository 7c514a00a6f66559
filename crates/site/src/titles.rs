//! Titles as pages and the API show them.

use axum::extract::{FromRequestParts, State};
use axum::response::Response;
use catalogue::{Audience, List, Title};
use http::request::Parts;
use http::{HeaderMap, Uri};
use http_face::{ApiError, take};
use identity::{Action, Resource, Role, Who, may, policy};
use model::{Clock, Timestamp, TitleId, title};
use serde::{Deserialize, Serialize};

use crate::answer::{Items, fresh};
use crate::poster::{self, Poster};
use crate::visitor::Visitor;
use crate::{Site, paging, words};

/// Titles on a page.
const PAGE: u32 = 60;

/// What the policy needs to know of a title.
pub(crate) fn facts(title: &Title) -> policy::Title {
    policy::Title { owner: title.owner, visibility: title.visibility, ready: title.playable }
}

/// What a title waits for or why it ended, for who may change it: it is about this server and the file.
pub(crate) fn reason<'a>(title: &'a Title, visitor: &Visitor) -> Option<&'a str> {
    title.reason.as_deref().filter(|_| may_edit(title, visitor))
}

/// Whether the visitor may change a title.
pub(crate) fn may_edit(title: &Title, visitor: &Visitor) -> bool {
    may(&visitor.who, Action::EditTitle, &Resource::Title(facts(title)))
}

/// The title that the path names, found by the route's policy.
#[derive(Debug, Clone)]
pub(crate) struct Found(pub(crate) Title);

impl<S: Sync> FromRequestParts<S> for Found {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let found = parts.extensions.get::<Self>().cloned();
        found.ok_or_else(|| ApiError::internal("the route's policy names no title"))
    }
}

/// Which titles to show.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Wanted {
    /// Only older ones than this.
    before: Option<TitleId>,
}

impl Wanted {
    /// Whether this is the first page.
    pub(crate) fn is_first(&self) -> bool {
        self.before.is_none()
    }
}

/// A page of titles.
pub(crate) struct Listed {
    pub(crate) titles: Vec<Title>,
    /// The `before` of the next page, if there is one.
    pub(crate) next: Option<TitleId>,
}

/// The titles that somebody may see, newest first.
pub(crate) async fn list(site: &Site, visitor: &Visitor, wanted: &Wanted) -> Result<Listed, ApiError> {
    let audience = match (&visitor.who, &visitor.account) {
        (Who::Host, _) => Audience::Operator,
        (_, Some(account)) if account.role == Role::Operator => Audience::Operator,
        (_, Some(account)) => Audience::Member(account.id),
        (_, None) => Audience::Guest,
    };
    let list = List { before: wanted.before, limit: PAGE + 1, ..List::newest(audience) };
    let mut titles = site.catalogue().list(&list).await.map_err(ApiError::internal)?;
    // The list is a shortcut; the policy has the last word.
    let see = |title: &Title| may(&visitor.who, Action::SeeTitle, &Resource::Title(facts(title)));
    let more = paging::cut(&mut titles, PAGE);
    let next = titles.last().filter(|_| more).map(|title| title.id);
    titles.retain(see);
    Ok(Listed { titles, next })
}

/// A title in JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Json<'a> {
    id: TitleId,
    name: &'a str,
    description: &'a str,
    state: title::State,
    /// What it waits for, or why it ended, for who may change it.
    reason: Option<&'a str>,
    /// In ‰.
    progress: u16,
    playable: bool,
    visibility: &'static str,
    kind: Option<&'static str>,
    duration_ms: Option<u64>,
    width: Option<u32>,
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    poster: Option<Poster>,
    /// In ms since 1970.
    created_at: Timestamp,
}

impl<'a> Json<'a> {
    pub(crate) fn of(title: &'a Title, visitor: &Visitor, poster: Option<Poster>) -> Self {
        Self {
            id: title.id,
            name: &title.name,
            description: &title.description,
            state: title.state,
            reason: reason(title, visitor),
            progress: title.progress,
            playable: title.playable,
            visibility: title.visibility.as_str(),
            kind: title.kind.map(catalogue::Kind::as_str),
            duration_ms: title.duration_ms,
            width: title.width,
            height: title.height,
            poster,
            created_at: title.created_at,
        }
    }
}

/// `GET /api/titles?before=`
pub(crate) async fn api_list(
    State(site): State<Site>,
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
    take::Query(wanted): take::Query<Wanted>,
) -> Result<Response, ApiError> {
    let listed = list(&site, &visitor, &wanted).await?;
    let origin = site.origin(&headers, &uri);
    let mut items = Vec::with_capacity(listed.titles.len());
    for title in &listed.titles {
        items.push(Json::of(title, &visitor, poster::of(&site, title, &origin).await?));
    }
    Ok(fresh(&Items::page(items, listed.next)))
}

/// `GET /api/titles/{title}`
pub(crate) async fn api_one(
    State(site): State<Site>,
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
    Found(title): Found,
) -> Result<Response, ApiError> {
    let poster = poster::of(&site, &title, &site.origin(&headers, &uri)).await?;
    Ok(fresh(&Json::of(&title, &visitor, poster)))
}

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
    /// Settings, for who may change them.
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
    /// Why it is where it is, for who may change it.
    pub(crate) reason: Option<String>,
    /// What the visitor has seen of it, in ‰, where they may go on.
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
