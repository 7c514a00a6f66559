//! Titles: listing them, one of them, and what is stored of it. [`change`] changes them.

pub mod change;

use axum::extract::{FromRequestParts, State};
use catalogue::{Audience, List};
use http::request::Parts;
use http::{HeaderMap, Uri};
use http_face::{ApiError, take};
use identity::{Action, Resource, Role, Who, may, policy};
use model::title::Visibility;
use model::{AssetId, Generation, Timestamp, TitleId, title};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Fresh, Items};
use crate::posters::{self, Poster};
use crate::{Api, Caller, refused, schema};

/// Titles on a page, unless the request says how many.
const PAGE: u32 = 60;
/// Most titles on a page: with the next one, which says whether there are more, what the catalogue lists at once.
const MAX_PAGE: u32 = 199;

/// A title.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Title {
    /// Its id; ordered by creation.
    #[schema(schema_with = schema::id)]
    pub id: TitleId,
    /// 1 to 200 characters.
    pub name: String,
    /// Plain text of several lines, perhaps empty.
    pub description: String,
    /// Where it stands.
    #[schema(schema_with = schema::title_state)]
    pub state: title::State,
    /// The reason why it waits or has failed, for accounts that may change it.
    pub reason: Option<String>,
    /// Parts of its source that were cut, held, mixed or left out: only for a single title, and for accounts that may
    /// change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<Vec<String>>,
    /// Stored share of the encode, in ‰.
    pub progress: u16,
    /// Whether the first seconds can be played.
    pub playable: bool,
    /// The audience that may watch it.
    #[schema(schema_with = schema::visibility)]
    pub visibility: Visibility,
    /// `video` or `audio`, once the source was probed.
    pub kind: Option<String>,
    /// Duration in ms, once the source was probed.
    pub duration_ms: Option<u64>,
    /// Width as seen, in pixels, of a film.
    pub width: Option<u32>,
    /// Height as seen, in pixels, of a film.
    pub height: Option<u32>,
    /// Its poster, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poster: Option<Poster>,
    /// When the upload became a title.
    #[schema(schema_with = schema::time)]
    pub created_at: Timestamp,
    /// The uploaded file, for accounts that may change the title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<Original>,
    /// When it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::time)]
    pub deleted_at: Option<Timestamp>,
    /// End of the time in which a deleted title can be restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::time)]
    pub purge_at: Option<Timestamp>,
}

/// The uploaded file of a title.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Original {
    /// The bucket it was uploaded into.
    pub bucket: String,
    /// The key it was uploaded under.
    pub key: String,
    /// Name of the job template.
    pub template: String,
}

impl Title {
    /// A title as the caller may see it.
    pub fn of(title: &catalogue::Title, caller: &Caller, poster: Option<Poster>) -> Self {
        let edits = may_edit(title, caller);
        Self {
            id: title.id,
            name: title.name.clone(),
            description: title.description.clone(),
            state: title.state,
            reason: reason(title, caller).map(str::to_owned),
            notes: None,
            progress: title.progress,
            playable: title.playable,
            visibility: title.visibility,
            kind: title.kind.map(|kind| kind.as_str().to_owned()),
            duration_ms: title.duration_ms,
            width: title.width,
            height: title.height,
            poster,
            created_at: title.created_at,
            original: edits.then(|| Original {
                bucket: title.bucket.to_string(),
                key: title.source_key.to_string(),
                template: title.template.clone(),
            }),
            deleted_at: title.deleted_at,
            purge_at: title.purge_at,
        }
    }
}

/// Facts about a title that the policy needs.
pub fn facts(title: &catalogue::Title) -> policy::Title {
    policy::Title { owner: title.owner, visibility: title.visibility, ready: title.playable }
}

/// The reason why a title waits or has failed, for accounts that may change it: it is about this server and the file.
pub fn reason<'a>(title: &'a catalogue::Title, caller: &Caller) -> Option<&'a str> {
    title.reason.as_deref().filter(|_| may_edit(title, caller))
}

/// Whether the caller may change a title.
pub fn may_edit(title: &catalogue::Title, caller: &Caller) -> bool {
    may(&caller.who, Action::EditTitle, &Resource::Title(facts(title)))
}

/// Parts of a title's source that were cut, held, mixed or left out, for accounts that may change it.
///
/// # Errors
/// If the database cannot be read.
pub async fn notes(
    api: &Api,
    title: &catalogue::Title,
    caller: &Caller,
) -> Result<Option<Vec<String>>, ApiError> {
    if !may_edit(title, caller) {
        return Ok(None);
    }
    let Some(generation) = title.generation else { return Ok(Some(vec![])) };
    api.parts().catalogue.notes(generation).await.map(Some).map_err(ApiError::internal)
}

/// The title that the path names, found by the route's policy.
#[derive(Debug, Clone)]
pub struct Found(pub catalogue::Title);

impl<S: Sync> FromRequestParts<S> for Found {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let found = parts.extensions.get::<Self>().cloned();
        found.ok_or_else(|| ApiError::internal("the route's policy names no title"))
    }
}

/// The answer for a title that does not exist or is hidden.
pub(crate) fn missing(caller: &Caller, wanted: &str) -> ApiError {
    match caller.who {
        // Guests get the same answer for every id: it may be for them once they sign in.
        Who::Guest => ApiError::unauthorized(),
        Who::Account { .. } => {
            ApiError::not_found("title_not_found", "Title not found, or you don't have access to it.")
        }
        Who::Host => ApiError::not_found(
            "title_not_found",
            format!("There is no title `{wanted}`; see `kinora title ls`."),
        ),
    }
}

impl Api {
    /// A title by its id; for the command line also the newest of that name.
    ///
    /// # Errors
    /// If there is none, in words for the caller. Whether they may see it is not checked.
    pub async fn find(&self, caller: &Caller, wanted: &str) -> Result<catalogue::Title, ApiError> {
        let found = match wanted.parse() {
            Ok(id) => self.title(id).await?,
            Err(_) if caller.is_host() => {
                let named = self.parts().catalogue.titles_named(wanted).await;
                named.map_err(ApiError::internal)?.into_iter().next()
            }
            Err(_) => None,
        };
        found.ok_or_else(|| missing(caller, wanted))
    }
}

/// Which titles to list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
pub struct Wanted {
    /// Only older ones than this: the `next` of the page before.
    #[param(schema_with = schema::id)]
    pub before: Option<TitleId>,
    /// Only titles in this state, for operators.
    #[param(schema_with = schema::title_state)]
    pub state: Option<title::State>,
    /// How many titles a page has: 60 unless it is given, at most 199.
    pub limit: Option<u32>,
}

impl Wanted {
    /// Whether this is the first page.
    pub fn is_first(&self) -> bool {
        self.before.is_none()
    }
}

/// A page of titles.
#[derive(Debug)]
pub struct Listed {
    /// The titles.
    pub titles: Vec<catalogue::Title>,
    /// The `before` of the next page, if there is one.
    pub next: Option<TitleId>,
}

/// The titles that the caller may see, newest first.
///
/// # Errors
/// 403 where a caller who does not see all titles wants those of one state; if the database cannot be read.
pub async fn list(api: &Api, caller: &Caller, wanted: &Wanted) -> Result<Listed, ApiError> {
    let page = wanted.limit.unwrap_or(PAGE).clamp(1, MAX_PAGE);
    let audience = match (&caller.who, &caller.account) {
        (Who::Host, _) => Audience::Operator,
        (_, Some(account)) if account.role == Role::Operator => Audience::Operator,
        (_, Some(account)) => Audience::Member(account.id),
        (_, None) => Audience::Guest,
    };
    let catalogue = &api.parts().catalogue;
    let found = match wanted.state {
        None => {
            let list = List { before: wanted.before, limit: page + 1, ..List::newest(audience) };
            catalogue.list(&list).await
        }
        Some(state) if audience == Audience::Operator => {
            catalogue.in_state(state, wanted.before, page + 1).await
        }
        Some(_) if caller.who == Who::Guest => return Err(ApiError::unauthorized()),
        Some(_) => {
            return Err(ApiError::forbidden("not_allowed", "Only operators can list titles by their state."));
        }
    };
    let mut titles = found.map_err(ApiError::internal)?;
    // The list is a shortcut; the policy has the last word.
    let see = |title: &catalogue::Title| may(&caller.who, Action::SeeTitle, &Resource::Title(facts(title)));
    let more = answer::cut(&mut titles, page);
    let next = titles.last().filter(|_| more).map(|title| title.id);
    titles.retain(see);
    Ok(Listed { titles, next })
}

/// `GET /api/titles`
pub(crate) async fn all(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
    take::Query(wanted): take::Query<Wanted>,
) -> Result<Fresh<Items<Title>>, ApiError> {
    let listed = list(&api, &caller, &wanted).await?;
    let origin = api.origin(&headers, &uri);
    let mut items = Vec::with_capacity(listed.titles.len());
    for title in &listed.titles {
        items.push(Title::of(title, &caller, posters::of(&api, title, &caller, &origin).await?));
    }
    Ok(Fresh(Items::page(items, listed.next)))
}

/// `GET /api/titles/{title}`
pub(crate) async fn one(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
    Found(title): Found,
) -> Result<Fresh<Title>, ApiError> {
    let poster = posters::of(&api, &title, &caller, &api.origin(&headers, &uri)).await?;
    let notes = notes(&api, &title, &caller).await?;
    Ok(Fresh(Title { notes, ..Title::of(&title, &caller, poster) }))
}

/// What is stored of a title.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Stored {
    /// Its asset, once there is a plan.
    #[schema(schema_with = schema::id_or_null)]
    pub asset: Option<AssetId>,
    /// The generation that is shown, once there is a plan.
    #[schema(schema_with = schema::id_or_null)]
    pub generation: Option<Generation>,
    /// Whether the original stays once the title is published.
    pub keep_source: bool,
    /// Bytes of the original; `null` once they are gone.
    pub source_bytes: Option<u64>,
    /// The renditions of the plan.
    pub renditions: Vec<Rendition>,
    /// The chunks that are stored.
    pub chunks: Vec<Chunk>,
    /// Its stored files that are known to be damaged.
    pub damaged: Vec<String>,
}

/// A rendition of a plan.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Rendition {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// As in a manifest (RFC 6381).
    pub codec: String,
    /// bit/s.
    pub max_rate: u32,
}

/// A stored chunk of a track.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Chunk {
    /// `v0`, `a0`.
    pub track: String,
    /// Its number in the plan.
    pub chunk: u32,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of the plaintext, lower-case hex.
    pub sha256: String,
}

/// `GET /api/titles/{title}/stored`
pub(crate) async fn stored(State(api): State<Api>, Found(title): Found) -> Result<Fresh<Stored>, ApiError> {
    let (catalogue, pipeline) = (&api.parts().catalogue, &api.parts().pipeline);
    let mut stored = Stored {
        asset: title.asset,
        generation: title.generation,
        keep_source: title.keep_source,
        source_bytes: pipeline.source_bytes(&title).await.map_err(refused)?,
        renditions: Vec::new(),
        chunks: Vec::new(),
        damaged: pipeline.damage_of(title.id).await.map_err(refused)?,
    };
    let (Some(asset), Some(generation)) = (title.asset, title.generation) else { return Ok(Fresh(stored)) };
    let asset = catalogue.asset(asset, generation).await.map_err(ApiError::internal)?;
    let plan = &asset.plan;
    let rendition = |r: &model::plan::Rendition| Rendition {
        width: r.width,
        height: r.height,
        codec: r.codec.clone(),
        max_rate: r.max_rate.0,
    };
    stored.renditions = plan.renditions.iter().map(rendition).collect();
    for track in plan.tracks() {
        let rows = catalogue.chunks(generation, track).await.map_err(ApiError::internal)?;
        stored.chunks.extend(rows.into_iter().map(|row| Chunk {
            track: row.track.to_string(),
            chunk: row.chunk,
            bytes: row.bytes,
            sha256: hex::encode(row.sha256),
        }));
    }
    Ok(Fresh(stored))
}
