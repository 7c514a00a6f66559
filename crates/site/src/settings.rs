//! A title's settings: its name, what it is about, who may watch it, where it stands.

use api::refused;
use api::titles::{self, Found, change};
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use catalogue::{Edit, Title};
use http::StatusCode;
use http_face::{ApiError, take};
use jobs::Filter;
use model::ByteSize;
use model::title::Visibility;
use serde::Deserialize;

use crate::jobs_page::Row;
use crate::page::{Choice, Frame, render_as};
use crate::visitor::Visitor;
use crate::{Site, words};

/// Jobs shown with a title.
const JOBS: u32 = 50;

#[derive(Template)]
#[template(path = "title.html")]
struct Settings<'a> {
    frame: &'a Frame,
    id: String,
    name: &'a str,
    /// The contents of the fields: the typed text, if it was refused.
    typed: &'a str,
    description: &'a str,
    /// The version that is being changed.
    edited: u64,
    error: Option<Mistake<'a>>,
    saved: bool,
    choices: Vec<Choice>,
    state: &'static str,
    state_word: &'static str,
    reason: Option<String>,
    bad: bool,
    /// Stored files that are known to be damaged.
    damaged: usize,
    progress: Option<u16>,
    percent: String,
    playable: bool,
    length: Option<String>,
    size: Option<(u32, u32)>,
    file: String,
    template: &'a str,
    added: String,
    added_iso: String,
    jobs: Vec<Row>,
    /// Parts of its source that were cut, held, mixed or left out.
    notes: Vec<String>,
    /// The state of the uploaded file, in words.
    source: String,
    /// Whether it can be deleted.
    droppable: bool,
    /// Whether its deletion can be undone.
    source_restorable: bool,
    /// Whether what failed can be tried again, unfinished work cancelled, a published title re-encoded.
    retriable: bool,
    cancellable: bool,
    reencodable: bool,
    deletable: bool,
}

/// The page's message about a change.
#[derive(Clone, Copy)]
enum News<'a> {
    None,
    Saved,
    Refused(Mistake<'a>),
}

/// Why a change was not saved.
#[derive(Clone, Copy)]
enum Mistake<'a> {
    /// The name is not one.
    Name,
    /// The description is too long.
    Description,
    /// Somebody else was quicker; what they saved.
    Stale { name: &'a str, visibility: &'static str },
}

/// The submitted form.
#[derive(Deserialize)]
pub(crate) struct Changes {
    name: String,
    /// Absent where only the rest is changed.
    description: Option<String>,
    visibility: Visibility,
    /// The version that the form showed.
    edited: Option<u64>,
}

/// Query parameters of the page after saving.
#[derive(Deserialize)]
pub(crate) struct Said {
    saved: Option<String>,
}

/// `GET /title/{title}`
pub(crate) async fn page(
    State(site): State<Site>,
    visitor: Visitor,
    Found(title): Found,
    take::Query(said): take::Query<Said>,
) -> Result<Response, ApiError> {
    let news = if said.saved.is_some() { News::Saved } else { News::None };
    show(&site, &visitor, &title, &Typed::of(&title), news).await
}

/// `POST /title/{title}`
pub(crate) async fn save(
    State(site): State<Site>,
    visitor: Visitor,
    Found(title): Found,
    take::Form(changes): take::Form<Changes>,
) -> Result<Response, ApiError> {
    let edit = Edit {
        name: Some(&changes.name),
        description: changes.description.as_deref(),
        visibility: Some(changes.visibility),
    };
    let refused = match change::edit(site.api(), title.id, changes.edited, &edit).await {
        Ok(()) => None,
        Err(catalogue::Error::Name) => Some(Mistake::Name),
        Err(catalogue::Error::Description) => Some(Mistake::Description),
        Err(catalogue::Error::Stale { .. }) => {
            let (visibility, _) = words::visibility(title.visibility);
            Some(Mistake::Stale { name: &title.name, visibility })
        }
        Err(other) => return Err(ApiError::internal(other)),
    };
    if let Some(mistake) = refused {
        let cut = |text: &str, most: usize| text.chars().take(most).collect::<String>();
        let typed = Typed {
            name: cut(&changes.name, 400),
            description: changes
                .description
                .as_deref()
                .map_or_else(|| title.description.clone(), |d| cut(d, 10_000)),
            visibility: changes.visibility,
        };
        return show(&site, &visitor, &title, &typed, News::Refused(mistake)).await;
    }
    Ok(Redirect::to(&format!("/title/{}?saved=1", title.id)).into_response())
}

/// The contents of the form's fields.
struct Typed {
    name: String,
    description: String,
    visibility: Visibility,
}

impl Typed {
    fn of(title: &Title) -> Self {
        Self {
            name: title.name.clone(),
            description: title.description.clone(),
            visibility: title.visibility,
        }
    }
}

async fn show(
    site: &Site,
    visitor: &Visitor,
    title: &Title,
    typed: &Typed,
    news: News<'_>,
) -> Result<Response, ApiError> {
    let now = site.now();
    let filter = Filter { title: Some(title.id), limit: JOBS, ..Filter::default() };
    let jobs = site.jobs().list(&filter).await.map_err(ApiError::internal)?;
    let bytes = site.pipeline().source_bytes(title).await.map_err(refused)?;
    let live = jobs.iter().any(|job| !job.state.is_final());
    let published = title.state == model::title::State::Published;
    let retriable = title.state.is_final() && bytes.is_some();
    let retriable = match published {
        true if retriable && !live => site.pipeline().is_retriable(title.id).await.map_err(refused)?,
        published => retriable && !published,
    };
    let purge_at = title.source_purge_at.filter(|_| bytes.is_some());
    let source = match (bytes, title.source_dropped_at) {
        (Some(bytes), _) => match purge_at {
            Some(at) => {
                format!("will be permanently deleted {} ({})", words::until(at, now), ByteSize(bytes))
            }
            None if title.keep_source => format!("kept ({})", ByteSize(bytes)),
            None => format!("deleted once the title is published ({})", ByteSize(bytes)),
        },
        (None, Some(at)) => format!("deleted {}", words::ago(at, now)),
        (None, None) => "deleted".to_owned(),
    };
    let deletable = identity::may(
        &visitor.who,
        identity::Action::DeleteTitle,
        &identity::Resource::Title(titles::facts(title)),
    );
    let damaged = site.pipeline().damage_of(title.id).await.map_err(refused)?.len();
    let notes = titles::notes(site.api(), title, visitor).await?.unwrap_or_default();
    let frame = Frame::new(visitor, "");
    let choice = |visibility: Visibility| {
        let (label, hint) = words::visibility(visibility);
        Choice { value: visibility.as_str(), label, hint, chosen: visibility == typed.visibility }
    };
    let page = Settings {
        frame: &frame,
        id: title.id.to_string(),
        name: &title.name,
        typed: &typed.name,
        description: &typed.description,
        edited: title.edited,
        error: if let News::Refused(mistake) = news { Some(mistake) } else { None },
        saved: matches!(news, News::Saved),
        choices: [Visibility::Private, Visibility::Members, Visibility::Public].map(choice).into(),
        state: title.state.as_str(),
        state_word: words::state(title.state),
        reason: title.reason.as_deref().map(words::sentence),
        bad: matches!(title.state, model::title::State::Failed | model::title::State::Rejected),
        damaged,
        progress: (!title.state.is_final()).then_some(title.progress),
        percent: words::percent(title.progress),
        playable: title.playable,
        length: title.duration_ms.map(words::length),
        size: title.width.zip(title.height),
        file: format!("{}/{}", title.bucket, title.source_key),
        template: &title.template,
        added: words::ago(title.created_at, now),
        added_iso: words::iso(title.created_at),
        source,
        notes: notes.iter().map(|note| words::sentence(note)).collect(),
        droppable: published && !live && deletable && bytes.is_some() && purge_at.is_none(),
        source_restorable: deletable && purge_at.is_some(),
        retriable,
        cancellable: live,
        reencodable: published && !live && bytes.is_some(),
        deletable,
        jobs: jobs.iter().map(|job| Row::of(job, None, now)).collect(),
    };
    let status = match news {
        News::None | News::Saved => StatusCode::OK,
        News::Refused(Mistake::Stale { .. }) => StatusCode::CONFLICT,
        News::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Ok(render_as(status, &frame, &page))
}
