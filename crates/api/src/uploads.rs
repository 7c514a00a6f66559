//! Uploads by browsers: a page begins one, asks for URLs of its parts, sends those directly to the S3 face, and
//! says when it is done. Only the account that began an upload sees it (`Policy::Upload`).

use axum::extract::{FromRequestParts, State};
use http::StatusCode;
use http::request::Parts;
use http_face::{ApiError, take};
use model::title::Visibility;
use model::{AccountId, ByteSize, Timestamp, UploadId};
use serde::{Deserialize, Serialize};
use upload::{Error, File, Wanted};
use utoipa::ToSchema;

use crate::answer::{Done, Fresh, Items, Made};
use crate::titles::Title;
use crate::titles::change::Details;
use crate::{Api, Caller, schema, work};

/// The upload that the path names, found by the route's policy.
#[derive(Debug, Clone)]
pub(crate) struct Own(pub(crate) upload::Upload);

impl<S: Sync> FromRequestParts<S> for Own {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let found = parts.extensions.get::<Self>().cloned();
        found.ok_or_else(|| ApiError::internal("the route's policy names no upload"))
    }
}

/// Finds the upload that a path names, if it is the visitor's own.
pub(crate) async fn own(api: &Api, caller: &Caller, named: Option<&str>) -> Result<Own, ApiError> {
    let missing = || ApiError::not_found("upload_not_found", "Upload not found, or it has ended.");
    let id: UploadId = named.and_then(|text| text.parse().ok()).ok_or_else(missing)?;
    let account = account(caller)?;
    api.parts().uploads.of(account, id).await.map(Own).map_err(refused)
}

fn account(caller: &Caller) -> Result<AccountId, ApiError> {
    caller.account.as_ref().map(|account| account.id).ok_or_else(ApiError::unauthorized)
}

/// An upload.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Upload {
    /// Its id.
    #[schema(schema_with = schema::id)]
    pub id: UploadId,
    /// The file's name.
    pub file: String,
    /// The file's size in bytes.
    pub size: u64,
    /// When the file was changed last, in ms since 1970.
    pub modified_ms: i64,
    /// Distinguishes the file from others of this name and size.
    pub fingerprint: String,
    /// Size of each part but the last one.
    pub part_bytes: u64,
    /// Number of parts.
    pub parts: u32,
    /// Acknowledged bytes.
    pub received: u64,
    /// Whether it is complete.
    pub complete: bool,
    /// The name of the title that it becomes.
    pub name: String,
    /// The description of that title.
    pub description: String,
    /// The audience of that title.
    #[schema(schema_with = schema::visibility)]
    pub visibility: Visibility,
    /// When it was begun.
    #[schema(schema_with = schema::time)]
    pub created_at: Timestamp,
    /// The title, once it has become one.
    pub title: Option<Title>,
    /// Time until the title is published in ms, as far as it can be told.
    pub eta_ms: Option<u64>,
}

/// An upload as its owner sees it; `None` if the title that it became was deleted.
async fn shown(api: &Api, caller: &Caller, state: &upload::State) -> Result<Option<Upload>, ApiError> {
    let title = match state.title() {
        Some(id) => match api.title(id).await? {
            Some(title) => Some(title),
            None => return Ok(None),
        },
        None => None,
    };
    let (upload, title, cut) = (&state.upload, title.as_ref(), state.upload.cut());
    let draft = state.draft.as_ref();
    Ok(Some(Upload {
        id: upload.id,
        file: upload.file.clone(),
        size: upload.size,
        modified_ms: upload.modified_ms,
        fingerprint: upload.fingerprint.clone(),
        part_bytes: cut.part_bytes(),
        parts: cut.count(),
        received: state.received,
        complete: upload.completed_at.is_some(),
        name: title.map(|t| &t.name).or(draft.map(|d| &d.name)).unwrap_or(&upload.file).clone(),
        description: title
            .map(|t| &t.description)
            .or(draft.map(|d| &d.description))
            .cloned()
            .unwrap_or_default(),
        visibility: title
            .map(|t| t.visibility)
            .or(draft.map(|d| d.visibility))
            .unwrap_or(Visibility::Members),
        created_at: upload.created_at,
        title: title.map(|title| Title::of(title, caller, None)),
        eta_ms: title.and_then(|title| work::left_ms(title, api.now())),
    }))
}

/// `GET /api/uploads`
pub(crate) async fn list(State(api): State<Api>, caller: Caller) -> Result<Fresh<Items<Upload>>, ApiError> {
    let mut items = Vec::new();
    for state in api.parts().uploads.list(account(&caller)?, api.now()).await.map_err(refused)? {
        items.extend(shown(&api, &caller, &state).await?);
    }
    Ok(Fresh(Items::all(items)))
}

/// The file of a new upload.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewUpload)]
pub struct Begin {
    /// Its name.
    file: String,
    /// Its size in bytes.
    size: u64,
    /// When it was changed last, in ms since 1970.
    modified_ms: i64,
    /// Distinguishes it from others of this name and size: up to 64 visible ASCII characters.
    fingerprint: String,
    /// Its media type, if it is known.
    #[serde(default)]
    media_type: String,
}

/// `POST /api/uploads`
pub(crate) async fn begin(
    State(api): State<Api>,
    caller: Caller,
    take::Json(begin): take::Json<Begin>,
) -> Result<Made<Upload>, ApiError> {
    let Begin { file: name, size, modified_ms, fingerprint, media_type } = begin;
    let file = File { name, size, modified_ms, fingerprint, media_type };
    let state = api.parts().uploads.begin(account(&caller)?, &file, api.now()).await.map_err(refused)?;
    made(shown(&api, &caller, &state).await?).map(Made)
}

/// An upload and its stored parts.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = UploadWithParts)]
pub struct WithParts {
    /// The upload; `null` if the title that it became was deleted.
    pub upload: Option<Upload>,
    /// Numbers of the stored parts, from 1.
    pub have: Vec<u32>,
}

/// `GET /api/uploads/{upload}`
pub(crate) async fn one(
    State(api): State<Api>,
    caller: Caller,
    Own(upload): Own,
) -> Result<Fresh<WithParts>, ApiError> {
    let have = match upload.completed_at {
        Some(_) => Vec::new(),
        None => api.parts().uploads.have(&upload).await.map_err(refused)?,
    };
    let state = api.parts().uploads.state(upload).await.map_err(refused)?;
    Ok(Fresh(WithParts { upload: shown(&api, &caller, &state).await?, have }))
}

/// Parts that are about to be sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UploadParts)]
pub struct Batch {
    /// The parts.
    parts: Vec<Part>,
}

/// A part that is about to be sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UploadPart)]
struct Part {
    /// Its number, from 1.
    number: u32,
    /// Base64 of the four bytes of the part's CRC-32.
    crc32: String,
}

/// Where to PUT a part, and the header to send with it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UploadUrl)]
pub(crate) struct Address {
    /// The part's number.
    number: u32,
    /// The URL for a `PUT` of the part.
    url: String,
    /// To be sent with it as `x-amz-checksum-crc32`.
    crc32: String,
}

/// `POST /api/uploads/{upload}/parts`
pub(crate) async fn parts(
    State(api): State<Api>,
    Own(upload): Own,
    take::Json(batch): take::Json<Batch>,
) -> Result<Fresh<Items<Address>>, ApiError> {
    let wanted: Vec<Wanted> =
        batch.parts.into_iter().map(|Part { number, crc32 }| Wanted { number, crc32 }).collect();
    let given = api.parts().uploads.addresses(&upload, &wanted, api.now()).map_err(refused)?;
    let address = |upload::Presigned { number, url, crc32 }| Address { number, url, crc32 };
    Ok(Fresh(Items::all(given.into_iter().map(address).collect())))
}

/// `PATCH /api/uploads/{upload}`
pub(crate) async fn edit(
    State(api): State<Api>,
    caller: Caller,
    Own(upload): Own,
    take::Json(details): take::Json<Details>,
) -> Result<Fresh<Upload>, ApiError> {
    let changed = api.parts().uploads.edit(&upload, &details.edit()).await.map_err(refused)?;
    if changed.is_some_and(|changed| changed.visibility) {
        // Viewers who lost access stop watching now; the players of the others renew by themselves.
        api.enforce().await;
    }
    let state = api.parts().uploads.state(upload).await.map_err(refused)?;
    made(shown(&api, &caller, &state).await?).map(Fresh)
}

/// An upload whose title was not deleted in the meantime.
fn made(shown: Option<Upload>) -> Result<Upload, ApiError> {
    shown.ok_or_else(|| refused(Error::Catalogue(catalogue::Error::NoDraft)))
}

/// `POST /api/uploads/{upload}/complete`
pub(crate) async fn complete(State(api): State<Api>, Own(upload): Own) -> Result<Done, ApiError> {
    api.parts().uploads.complete(&upload).await.map_err(refused)?;
    Ok(Done)
}

/// `DELETE /api/uploads/{upload}`
pub(crate) async fn discard(State(api): State<Api>, Own(upload): Own) -> Result<Done, ApiError> {
    api.parts().uploads.discard(&upload).await.map_err(refused)?;
    Ok(Done)
}

fn refused(error: Error) -> ApiError {
    let bad = |code, message: String| ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, code, message);
    match error {
        Error::NoUpload(_)
        | Error::Catalogue(catalogue::Error::NoDraft | catalogue::Error::NoTitle { .. }) => {
            ApiError::not_found("upload_not_found", "Upload not found, or it has ended.")
        }
        Error::Empty => bad("empty_file", "This file is empty.".into()),
        Error::Name => bad("bad_file_name", "The file name is too long. Rename the file.".into()),
        Error::TooLarge { size, limit } => ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "file_too_large",
            format!("This file has {}; the limit is {}.", ByteSize(size), ByteSize(limit)),
        ),
        Error::TooMany { limit } => ApiError::conflict(
            "too_many_uploads",
            format!("You have {limit} unfinished uploads. Finish or discard some first."),
        ),
        Error::NoSpace { size, space } => ApiError::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "no_room",
            format!(
                "This file has {}, but only {} are free. Ask an administrator to free some space.",
                ByteSize(size),
                ByteSize(space)
            ),
        ),
        Error::Quota { size, left, quota } => ApiError::conflict(
            "quota",
            format!(
                "This file has {}, but only {} are left of your {} of storage. Delete files you no longer need, or ask \
                 an operator for more.",
                ByteSize(size),
                ByteSize(left),
                ByteSize(quota)
            ),
        ),
        Error::Batch { .. } | Error::NoPart(_) | Error::Checksum(_) => {
            bad("bad_parts", "These parts can't be uploaded.".into())
        }
        Error::Incomplete { missing } => {
            ApiError::conflict("parts_missing", format!("{missing} parts of the file are missing."))
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
