//! Addresses and keys.

use axum::Json;
use axum::extract::{Path, State};
use identity::Who;
use playback::{NewKey, TrustedKey, Wish};

use super::{Answer, Parts, Refused, now, rfc3339};
use crate::control::{Key, UrlAnswer, UrlRequest};

pub(super) async fn url(State(parts): State<Parts>, Json(request): Json<UrlRequest>) -> Answer<UrlAnswer> {
    let title = parts.title(&request.title).await?;
    if title.asset.is_none() {
        let reason = title.reason.unwrap_or_else(|| "it has no plan yet".into());
        return Err(Refused::bad(format!(
            "`{}` cannot be played: {} ({reason})",
            title.name,
            title.state.as_str()
        )));
    }
    let wish = Wish {
        who: &Who::Host,
        title: title.id,
        configuration: &request.configuration,
        format: request.format,
        now: now(),
    };
    if !request.cookies {
        let link = parts.playback.link(&wish, u32::try_from(request.seconds).unwrap_or(u32::MAX)).await?;
        let url = format!("{}{}", parts.origin, link.path);
        return Ok(Json(UrlAnswer { url, cookies: Default::default(), expires: rfc3339(link.until) }));
    }
    let started = parts.playback.start(&wish, &parts.origin).await?;
    let cookies =
        started.permit.cookies.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let url = format!("{}{}", parts.origin, started.manifest);
    Ok(Json(UrlAnswer { url, cookies, expires: rfc3339(started.permit.until) }))
}

pub(super) async fn keys(State(parts): State<Parts>) -> Answer<Vec<Key>> {
    Ok(Json(parts.playback.keys().await?.iter().map(key).collect()))
}

pub(super) async fn add_key(
    State(parts): State<Parts>,
    Json(new): Json<crate::control::NewKey>,
) -> Answer<Key> {
    let new = NewKey { id: None, name: "added by kinora key add", pem: &new.pem };
    Ok(Json(key(&parts.playback.trust_key(&new, now()).await?)))
}

pub(super) async fn remove_key(State(parts): State<Parts>, Path(id): Path<String>) -> Answer<()> {
    parts.playback.remove_key(&id, now()).await?;
    Ok(Json(()))
}

fn key(key: &TrustedKey) -> Key {
    Key {
        id: key.id.clone(),
        kind: key.kind.as_str().to_owned(),
        created: rfc3339(key.created_at),
        own: key.own,
    }
}
