//! Houses for tests.

use super::{House, Place, Profile};
use crate::config::Config;
use crate::folder::Folder;

/// Opens the parts of a development process on a data folder, as they are where nothing is set.
pub(crate) async fn open(folder: &Folder) -> House {
    let place = Place {
        origin: "http://localhost:1".into(),
        s3_origin: "http://localhost:2".into(),
        profile: Profile::Development,
    };
    House::open(&Config::default(), folder, place).await.unwrap()
}
