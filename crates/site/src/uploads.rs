//! The API of uploads: a page begins one, asks for addresses of its parts, sends those straight to the S3 face, and
//! says when it is done. Only who began an upload sees it (`Policy::Upload`).

use axum::extract::{FromRequestParts, State};
use axum::response::Response;
use catalogue::Edit;
use http::StatusCode;
use http::request::Parts;
use http_face::{ApiError, take};
use model::title::Visibility;
use model::{AccountId, ByteSize, Timestamp, UploadId};
use serde::{Deserialize, Serialize};
use upload::{Error, File, Upload, Wanted};

use crate::answer::{Items, fresh, made};
use crate::visitor::Visitor;
use crate::{Site, titles, work};

/// The upload that the path names, found by the route's policy.
#[derive(Debug, Clone)]
pub(crate) struct Own(pub(crate) Upload);

impl<S: Sync> FromRequestParts<S> for Own {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let found = parts.extensions.get::<Self>().cloned();
        found.ok_or_else(|| ApiError::internal("the route's policy names no upload"))
    }
}

/// Finds the upload that a path names, if it is the visitor's own.
pub(crate) async fn own(site: &Site, visitor: &Visitor, named: Option<&str>) -> Result<Own, ApiError> {
    let missing = || ApiError::not_found("upload_not_found", "There is no such upload, or it is over.");
    let id: UploadId = named.and_then(|text| text.parse().ok()).ok_or_else(missing)?;
    let account = account(visitor)?;
    site.uploads().of(account, id).await.map(Own).map_err(refused)
}

fn account(visitor: &Visitor) -> Result<AccountId, ApiError> {
    visitor.account.as_ref().map(|account| account.id).ok_or_else(ApiError::unauthorized)
}

/// An upload as the page shows it.
#[derive(Serialize)]
struct Shown<'a> {
    id: UploadId,
    file: &'a str,
    size: u64,
    modified_ms: i64,
    fingerprint: &'a str,
    part_bytes: u64,
    parts: u32,
    /// Acknowledged bytes.
    received: u64,
    complete: bool,
    name: &'a str,
    description: &'a str,
    visibility: Visibility,
    created_at: Timestamp,
    /// Once it has become one.
    title: Option<titles::Json<'a>>,
    /// How long until the title is published, in ms, as far as one can tell.
    eta_ms: Option<u64>,
}

async fn shown(
    site: &Site,
    visitor: &Visitor,
    state: &upload::State,
) -> Result<Option<serde_json::Value>, ApiError> {
    let title = match state.title() {
        Some(id) => match site.title(id).await? {
            Some(title) => Some(title),
            // It was deleted: there is nothing left to show.
            None => return Ok(None),
        },
        None => None,
    };
    let (upload, title, cut) = (&state.upload, title.as_ref(), state.upload.cut());
    let draft = state.draft.as_ref();
    let shown = Shown {
        id: upload.id,
        file: &upload.file,
        size: upload.size,
        modified_ms: upload.modified_ms,
        fingerprint: &upload.fingerprint,
        part_bytes: cut.part_bytes(),
        parts: cut.count(),
        received: state.received,
        complete: upload.completed_at.is_some(),
        name: title.map(|t| t.name.as_str()).or(draft.map(|d| d.name.as_str())).unwrap_or(&upload.file),
        description: title
            .map(|t| t.description.as_str())
            .or(draft.map(|d| d.description.as_str()))
            .unwrap_or_default(),
        visibility: title
            .map(|t| t.visibility)
            .or(draft.map(|d| d.visibility))
            .unwrap_or(Visibility::Members),
        created_at: upload.created_at,
        title: title.map(|title| titles::Json::of(title, visitor, None)),
        eta_ms: title.and_then(|title| work::left_ms(title, site.now())),
    };
    serde_json::to_value(&shown).map(Some).map_err(ApiError::internal)
}

/// `GET /api/uploads`
pub(crate) async fn list(State(site): State<Site>, visitor: Visitor) -> Result<Response, ApiError> {
    let mut items = Vec::new();
    for state in site.uploads().list(account(&visitor)?, site.now()).await.map_err(refused)? {
        items.extend(shown(&site, &visitor, &state).await?);
    }
    Ok(fresh(&Items::all(items)))
}

/// What a page says about a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Begin {
    file: String,
    size: u64,
    modified_ms: i64,
    fingerprint: String,
    #[serde(default)]
    media_type: String,
}

/// `POST /api/uploads`
pub(crate) async fn begin(
    State(site): State<Site>,
    visitor: Visitor,
    take::Json(begin): take::Json<Begin>,
) -> Result<Response, ApiError> {
    let Begin { file: name, size, modified_ms, fingerprint, media_type } = begin;
    let file = File { name, size, modified_ms, fingerprint, media_type };
    let state = site.uploads().begin(account(&visitor)?, &file, site.now()).await.map_err(refused)?;
    Ok(made(&shown(&site, &visitor, &state).await?))
}

/// An upload and the parts that are there.
#[derive(Serialize)]
struct WithParts {
    upload: Option<serde_json::Value>,
    have: Vec<u32>,
}

/// `GET /api/uploads/{upload}`
pub(crate) async fn one(
    State(site): State<Site>,
    visitor: Visitor,
    Own(upload): Own,
) -> Result<Response, ApiError> {
    let have = match upload.completed_at {
        Some(_) => Vec::new(),
        None => site.uploads().have(&upload).await.map_err(refused)?,
    };
    let state = site.uploads().state(upload).await.map_err(refused)?;
    Ok(fresh(&WithParts { upload: shown(&site, &visitor, &state).await?, have }))
}

/// Parts that are about to be sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Batch {
    parts: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    number: u32,
    /// Base64 of the four bytes of the part's CRC-32.
    crc32: String,
}

/// Where to PUT a part, and the header to send with it.
#[derive(Serialize)]
struct Address {
    number: u32,
    url: String,
    crc32: String,
}

/// `POST /api/uploads/{upload}/parts`
pub(crate) async fn parts(
    State(site): State<Site>,
    Own(upload): Own,
    take::Json(batch): take::Json<Batch>,
) -> Result<Response, ApiError> {
    let wanted: Vec<Wanted> =
        batch.parts.into_iter().map(|Part { number, crc32 }| Wanted { number, crc32 }).collect();
    let given = site.uploads().addresses(&upload, &wanted, site.now()).map_err(refused)?;
    let address = |upload::Presigned { number, url, crc32 }| Address { number, url, crc32 };
    Ok(fresh(&Items::all(given.into_iter().map(address).collect())))
}

/// What is written about the title; what is absent stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Changes {
    name: Option<String>,
    description: Option<String>,
    visibility: Option<Visibility>,
}

/// `PATCH /api/uploads/{upload}`
pub(crate) async fn edit(
    State(site): State<Site>,
    visitor: Visitor,
    Own(upload): Own,
    take::Json(changes): take::Json<Changes>,
) -> Result<Response, ApiError> {
    let edit = Edit {
        name: changes.name.as_deref(),
        description: changes.description.as_deref(),
        visibility: changes.visibility,
    };
    let changed = site.uploads().edit(&upload, &edit).await.map_err(refused)?;
    if changed.is_some_and(|changed| changed.visibility) {
        // Who lost the title stops watching now; the others' players renew by themselves.
        site.playback().settle(site.now()).await.map_err(ApiError::internal)?;
    }
    let state = site.uploads().state(upload).await.map_err(refused)?;
    Ok(fresh(&shown(&site, &visitor, &state).await?))
}

/// `POST /api/uploads/{upload}/complete`
pub(crate) async fn complete(State(site): State<Site>, Own(upload): Own) -> Result<StatusCode, ApiError> {
    site.uploads().complete(&upload).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /api/uploads/{upload}`
pub(crate) async fn discard(State(site): State<Site>, Own(upload): Own) -> Result<StatusCode, ApiError> {
    site.uploads().discard(&upload).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

fn refused(error: Error) -> ApiError {
    let bad = |code, message: String| ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, code, message);
    match error {
        Error::NoUpload(_)
        | Error::Catalogue(catalogue::Error::NoDraft | catalogue::Error::NoTitle { .. }) => {
            ApiError::not_found("upload_not_found", "There is no such upload, or it is over.")
        }
        Error::Empty => bad("empty_file", "This file is empty.".into()),
        Error::Name => bad("bad_file_name", "This file's name is too long. Rename it.".into()),
        Error::TooLarge { size, limit } => ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "file_too_large",
            format!("This file has {}, at most {} are taken.", ByteSize(size), ByteSize(limit)),
        ),
        Error::TooMany { limit } => ApiError::conflict(
            "too_many_uploads",
            format!("You have {limit} unfinished uploads. Finish or discard some of them first."),
        ),
        Error::NoRoom { size, room } => ApiError::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "no_room",
            format!(
                "This file has {}, but there is room for {} only. Ask an operator to make some.",
                ByteSize(size),
                ByteSize(room)
            ),
        ),
        Error::Batch | Error::NoPart(_) | Error::Checksum(_) => {
            bad("bad_parts", "These parts cannot be sent.".into())
        }
        Error::Incomplete { missing } => {
            ApiError::conflict("parts_missing", format!("{missing} parts of the file are not there yet."))
        }
        Error::Catalogue(catalogue::Error::Name) => bad("bad_name", "A name has 1 to 200 characters.".into()),
        Error::Catalogue(catalogue::Error::Description) => {
            bad("bad_description", "A description has at most 5000 characters.".into())
        }
        other => ApiError::internal(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_as_such_wherever_it_is_met() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let store = blob::Error::NoSpace { free: 0, reserve: 1, wanted: 1, source: full };
        assert_eq!(refused(Error::Blob(store)).status(), StatusCode::INSUFFICIENT_STORAGE);
        assert_eq!(refused(Error::Blob(blob::Error::NoKeys)).status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
