//! Doors for the fuzz targets: the bodies that the JSON API reads, and what follows from them alone.

use model::packaging;
use serde::de::DeserializeOwned;

use crate::api::{Beat, Report, Start};
use crate::operate::Delete;
use crate::packaging::{NewConfiguration, NewGroup};
use crate::uploads::{Batch, Begin, Changes};

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
        read::<Changes>(body).is_some(),
        read::<Delete>(body).is_some(),
    ];
    all.into_iter().filter(|read| *read).count()
}

/// Where somebody is led who signed in.
pub fn next(asked: &str) -> &str {
    crate::sign_in::own(asked)
}
