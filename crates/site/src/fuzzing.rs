//! Doors for the fuzz targets: the bodies that the JSON API reads, forms and queries, and what follows from them alone.

use api::packaging::{NewConfiguration, NewGroup};
use api::titles::change::{Delete, Details, DropSource};
use api::uploads::{Batch, Begin};
use api::{deleted, jobs, titles};
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts};
use http::{Method, Request, Uri, header};
use http_face::{ApiError, take};
use model::packaging;
use serde::de::DeserializeOwned;

use crate::people::person;
use crate::playing::{Beat, Start};
use crate::report::Report;
use crate::sign_in::{ask, code};
use crate::{account, delete_page, operate, people, settings};

fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

/// Kind and detail of a player's report, as they are logged.
pub fn report(body: &[u8]) -> Option<(String, String)> {
    read::<Report>(body).map(|report| report.told())
}

/// Where a viewer is, as it is remembered.
pub fn position_ms(body: &[u8]) -> Option<u64> {
    read::<Beat>(body)?.position_ms()
}

/// The settings of a new packaging configuration.
pub fn configuration(body: &[u8]) -> Option<packaging::Configuration> {
    read::<NewConfiguration>(body).map(|new| new.settings)
}

/// How many of the other bodies this is one of.
pub fn others(body: &[u8]) -> usize {
    let all = [
        read::<Start>(body).is_some(),
        read::<NewGroup>(body).is_some(),
        read::<Begin>(body).is_some(),
        read::<Batch>(body).is_some(),
        read::<Details>(body).is_some(),
        read::<Delete>(body).is_some(),
        read::<DropSource>(body).is_some(),
    ];
    all.into_iter().filter(|read| *read).count()
}

/// Where somebody is led who signed in.
pub fn next(asked: &str) -> &str {
    crate::return_path::own(asked)
}

/// The result of a text where a page takes a form or a query.
#[derive(Debug)]
pub struct Taken {
    /// Which page.
    pub page: &'static str,
    /// Why it is refused as a form.
    pub form: Option<ApiError>,
    /// Why it is refused as a query; `None` also where no address has it as its query.
    pub query: Option<ApiError>,
}

/// Reads a text as everything that pages take, each both as a form and as a query; and whether there is an address with
/// that query.
pub async fn taken(text: &[u8]) -> (Vec<Taken>, bool) {
    let query = std::str::from_utf8(text).unwrap_or_default();
    let uri =
        format!("/?{query}").parse::<Uri>().ok().filter(|uri| uri.query().map(str::as_bytes) == Some(text));
    let from = (text, uri.as_ref());
    let taken = vec![
        read_twice::<ask::Ask>("sign-in", from).await,
        read_twice::<ask::Wish>("sign-in form", from).await,
        read_twice::<code::Typed>("code form", from).await,
        read_twice::<account::Said>("account", from).await,
        read_twice::<titles::Wanted>("home", from).await,
        read_twice::<settings::Said>("title", from).await,
        read_twice::<settings::Changes>("title form", from).await,
        read_twice::<operate::Drop>("original form", from).await,
        read_twice::<deleted::Wanted>("deleted", from).await,
        read_twice::<delete_page::Delete>("delete form", from).await,
        read_twice::<jobs::Wanted>("jobs", from).await,
        read_twice::<people::Wanted>("people", from).await,
        read_twice::<people::Wish>("invitation form", from).await,
        read_twice::<person::Wanted>("person", from).await,
        read_twice::<person::NewRole>("role form", from).await,
    ];
    (taken, uri.is_some())
}

async fn read_twice<T: DeserializeOwned>(page: &'static str, (text, uri): (&[u8], Option<&Uri>)) -> Taken {
    let mut sent = Request::new(Body::from(text.to_vec()));
    *sent.method_mut() = Method::POST;
    let kind = header::HeaderValue::from_static("application/x-www-form-urlencoded");
    sent.headers_mut().insert(header::CONTENT_TYPE, kind);
    let form = take::Form::<T>::from_request(sent, &()).await.err();
    let mut query = None;
    if let Some(uri) = uri {
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.uri = uri.clone();
        query = take::Query::<T>::from_request_parts(&mut parts, &()).await.err();
    }
    Taken { page, form, query }
}

/// Which jobs a query asks for, as a query again.
pub async fn jobs(query: &str) -> Option<String> {
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.uri = format!("/?{query}").parse().ok()?;
    let take::Query(wanted) = take::Query::<jobs::Wanted>::from_request_parts(&mut parts, &()).await.ok()?;
    Some(wanted.query(wanted.state, wanted.before))
}
