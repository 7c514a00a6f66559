//! Keys for S3 clients.

use axum::Json;
use axum::extract::{Path, State};
use identity::access_key::AccessKey;
use identity::{Account, Buckets, Role};

use super::{Answer, Refused, rfc3339};
use crate::control::s3_key::{Key, Made, New};
use crate::house::House;

pub(super) async fn make(State(house): State<House>, Json(new): Json<New>) -> Answer<Made> {
    let named: Result<Vec<_>, _> = new.buckets.iter().map(|name| name.parse()).collect();
    let named = named.map_err(|error| Refused::bad(format!("--bucket: {error}")))?;
    let buckets = if named.is_empty() { Buckets::All } else { Buckets::Only(named.into()) };
    if new.name.trim().is_empty() {
        return Err(Refused::bad("a key needs a name"));
    }
    let owner = owner(&house, &new, &buckets).await?;
    let (found, secret) =
        house.identity.ensure_access_key(owner.id, &new.name, &buckets, house.db.now()).await?;
    if found.buckets != buckets {
        return Err(Refused::bad(format!(
            "there is already a key `{}` for other buckets: remove it first, kinora s3-key rm {}",
            new.name, found.id
        )));
    }
    let secret = secret.expose_str().ok_or_else(|| Refused::bad("the stored key is not text"))?.to_owned();
    Ok(Json(Made { key: key(&found, &owner), secret, url: house.place.s3_origin.clone() }))
}

/// The account that will own the key. A mistyped address makes no account, and a key makes no operator.
async fn owner(house: &House, new: &New, buckets: &Buckets) -> Result<Account, Refused> {
    let found = house.identity.account_of(&new.address).await?;
    match (found, new.create) {
        (Some(account), None) => Ok(account),
        (Some(account), Some(_)) => Err(Refused::bad(format!(
            "{} has an account (role {}): leave --create out to make a key for it",
            new.address, account.role
        ))),
        (None, None) => Err(Refused::not_found(format!(
            "{0} has no account. Check the spelling (kinora person ls), or make an account with the key: add \
             `--create --role creator --bucket NAME`. For an operator's key make the operator first: \
             kinora signin-link {0} --role operator",
            new.address
        ))),
        (None, Some(Role::Creator)) if *buckets != Buckets::All => {
            Ok(house.identity.ensure_account(&new.address, Role::Creator, house.db.now()).await?)
        }
        (None, Some(Role::Creator)) => {
            Err(Refused::bad("a creator's key opens named buckets only: add --bucket NAME"))
        }
        (None, Some(role)) => Err(identity::Error::KeyOwner { role }.into()),
    }
}

pub(super) async fn list(State(house): State<House>) -> Answer<Vec<Key>> {
    Ok(Json(live(&house).await?.iter().map(|(found, owner)| key(found, owner)).collect()))
}

pub(super) async fn end(State(house): State<House>, Path(wanted): Path<String>) -> Answer<Key> {
    let mut found = live(&house).await?;
    found.retain(|(key, _)| key.id == wanted || key.name == wanted);
    match &found[..] {
        [(found, owner)] => {
            house.identity.revoke_access_key(owner.id, &found.id, house.db.now()).await?;
            Ok(Json(key(found, owner)))
        }
        [] => Err(Refused::not_found(format!("there is no key `{wanted}`; see `kinora s3-key ls`"))),
        _ => Err(Refused::bad(format!("more than one key is called `{wanted}`: use the id"))),
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
        role: key.role,
        buckets,
        created: rfc3339(key.created_at),
    }
}
