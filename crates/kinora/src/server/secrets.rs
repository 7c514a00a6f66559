//! Rotating keys of the ring and secrets.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use playback::CdnSecret;
use seal::{Purpose, Renewed};

use super::{Answer, Refused, rfc3339};
use crate::control::{NewRingKey, Rotated, Secret};
use crate::house::House;

/// Longest time until every edge sends a new CDN secret.
const SWITCH: Duration = Duration::from_secs(20);

pub(super) async fn rotate_key(State(house): State<House>, Json(new): Json<NewRingKey>) -> Answer<Rotated> {
    let purpose = new.purpose;
    if !Purpose::ALL.contains(&purpose) {
        return Err(Refused::bad(format!("new keys for `{purpose}` are no longer created")));
    }
    let ring = house.ring.clone();
    let now = house.db.now();
    let rotated = runtime::begin(move || ring.rotate(purpose, now)).await?;
    let version = rotated?;
    tracing::info!(%purpose, version, "key rotated");
    let renewed = match purpose {
        Purpose::Media => house.blob.rewrap().await?,
        Purpose::Personal => {
            let mut renewed = house.identity.renew_personal().await?;
            renewed += house.outbox.renew().await?;
            renewed
        }
        Purpose::Signing => {
            let mut renewed = house.identity.renew_secrets().await?;
            renewed += house.playback.renew_secrets().await?;
            renewed
        }
        _ => Renewed::default(),
    };
    let Renewed { sealed, unopened } = renewed;
    Ok(Json(Rotated { purpose, version, renewed: sealed, unopened }))
}

pub(super) async fn list(State(house): State<House>) -> Answer<Vec<Secret>> {
    Ok(Json(vec![cdn(&house.playback.cdn_secret().borrow())]))
}

/// Answers once the new value is the one that is sent.
pub(super) async fn rotate(State(house): State<House>, Path(name): Path<String>) -> Answer<Secret> {
    if name != "cdn" {
        return Err(Refused::not_found(format!("there is no secret `{name}`; see `kinora secret ls`")));
    }
    let mut watched = house.playback.cdn_secret();
    let before = watched.borrow_and_update().version();
    house.playback.rotate_cdn_secret(house.db.now()).await?;
    let switched = watched.wait_for(|secret| secret.version() > before);
    match tokio::time::timeout(SWITCH, switched).await {
        Ok(secret) => Ok(Json(cdn(&*secret?))),
        Err(_) => Err(Refused::bad("the new value is known but not sent yet; see `kinora secret ls`")),
    }
}

fn cdn(secret: &CdnSecret) -> Secret {
    Secret {
        name: "cdn".into(),
        version: secret.version(),
        since: rfc3339(secret.rotated_at()),
        previous: secret.previous().is_some(),
        purpose: "the edge shows it to the origin".into(),
    }
}
