//! Keys for S3 clients.

use axum::Json;
use axum::extract::{Path, State};
use identity::access_key::AccessKey;
use identity::{Account, Buckets, Role};

use super::{Answer, Refused, now, rfc3339};
use crate::control::s3_key::{Key, Made, New};
use crate::house::House;

pub(super) async fn make(State(house): State<House>, Json(new): Json<New>) -> Answer<Made> {
    let named: Result<Vec<_>, _> = new.buckets.iter().map(|name| name.parse()).collect();
    let named = named.map_err(|error| Refused::bad(format!("--bucket: {error}")))?;
    let buckets = if named.is_empty() { Buckets::All } else { Buckets::Only(named.into()) };
    if new.name.trim().is_empty() {
        return Err(Refused::bad("a key has a name"));
    }
    let owner = house.identity.ensure_account(&new.address, Role::Operator, now()).await?;
    let (found, secret) = house.identity.ensure_access_key(owner.id, &new.name, &buckets, now()).await?;
    if found.buckets != buckets {
        return Err(Refused::bad(format!(
            "there is a key `{}` for other buckets: end it first, kinora s3-key rm {}",
            new.name, found.id
        )));
    }
    let secret = secret.expose_str().ok_or_else(|| Refused::bad("the stored key is not text"))?.to_owned();
    Ok(Json(Made { key: key(&found, &owner), secret, url: house.place.s3_origin.clone() }))
}

pub(super) async fn list(State(house): State<House>) -> Answer<Vec<Key>> {
    Ok(Json(live(&house).await?.iter().map(|(found, owner)| key(found, owner)).collect()))
}

pub(super) async fn end(State(house): State<House>, Path(wanted): Path<String>) -> Answer<Key> {
    let mut found = live(&house).await?;
    found.retain(|(key, _)| key.id == wanted || key.name == wanted);
    match &found[..] {
        [(found, owner)] => {
            house.identity.revoke_access_key(owner.id, &found.id, now()).await?;
            Ok(Json(key(found, owner)))
        }
        [] => Err(Refused::not_found(format!("there is no key `{wanted}`; see `kinora s3-key ls`"))),
        _ => Err(Refused::bad(format!("more than one key is called `{wanted}`: name the id"))),
    }
}

/// The keys that work, with whose they are.
async fn live(house: &House) -> Result<Vec<(AccessKey, Account)>, Refused> {
    let mut all = vec![];
    for key in house.identity.live_access_keys().await? {
        if let Some(owner) = house.identity.account(key.account).await? {
            all.push((key, owner));
        }
    }
    Ok(all)
}

fn key(key: &AccessKey, owner: &Account) -> Key {
    let buckets = match &key.buckets {
        Buckets::All => vec![],
        Buckets::Only(names) => names.iter().map(ToString::to_string).collect(),
    };
    Key {
        id: key.id.clone(),
        name: key.name.clone(),
        address: owner.address.as_str().to_owned(),
        buckets,
        created: rfc3339(key.created_at),
    }
}
