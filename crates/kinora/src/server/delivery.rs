//! Addresses and keys.

use axum::Json;
use axum::extract::{Path, State};
use identity::Who;
use playback::{NewKey, TrustedKey, Wish};

use super::{Answer, Refused, host, rfc3339};
use crate::control::{Key, UrlAnswer, UrlRequest};
use crate::house::House;

pub(super) async fn url(State(house): State<House>, Json(request): Json<UrlRequest>) -> Answer<UrlAnswer> {
    let title = house.api.find(&host(&house), &request.title).await.map_err(|error| Refused::api(&error))?;
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
        now: house.db.now(),
    };
    if !request.cookies {
        let link = house.playback.link(&wish, u32::try_from(request.seconds).unwrap_or(u32::MAX)).await?;
        let url = format!("{}{}", house.place.origin, link.path);
        return Ok(Json(UrlAnswer { url, cookies: Default::default(), expires: rfc3339(link.until) }));
    }
    let started = house.playback.start(&wish, &house.place.origin).await?;
    let cookies =
        started.permit.cookies.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let url = format!("{}{}", house.place.origin, started.manifest);
    Ok(Json(UrlAnswer { url, cookies, expires: rfc3339(started.permit.until) }))
}

pub(super) async fn keys(State(house): State<House>) -> Answer<Vec<Key>> {
    Ok(Json(house.playback.keys().await?.iter().map(key).collect()))
}

pub(super) async fn add_key(
    State(house): State<House>,
    Json(new): Json<crate::control::NewKey>,
) -> Answer<Key> {
    let new = NewKey { id: None, name: "added by kinora key add", pem: &new.pem };
    Ok(Json(key(&house.playback.trust_key(&new, house.db.now()).await?)))
}

pub(super) async fn remove_key(State(house): State<House>, Path(id): Path<String>) -> Answer<()> {
    house.playback.remove_key(&id, house.db.now()).await?;
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
