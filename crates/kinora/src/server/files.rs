//! Looking at the bytes of stored files.

use axum::Json;
use axum::extract::State;
use model::FileId;

use super::{Answer, Refused};
use crate::control::{Check, Verified, Verify};
use crate::house::House;

/// Bytes that one request looks at, or the file that goes beyond.
const STEP: u64 = 256 << 20;
/// Bytes that a quick look takes from somewhere.
const SAMPLE: u64 = 64 << 20;
/// Damaged files that are named.
const NAMED: usize = 10;

/// Looks at the next files behind one, and says where that ended.
pub(super) async fn verify(State(house): State<House>, Json(from): Json<Verify>) -> Answer<Verified> {
    let looked = house.blob.verify_behind(from.after, STEP).await?;
    Ok(Json(Verified {
        files: looked.files,
        bytes: looked.bytes,
        damaged: looked.damaged.len() as u64,
        unknown: looked.unknown,
        all_bytes: house.blob.used().await?,
        after: looked.last,
    }))
}

/// Files that are known to be damaged, also after checking some files at random.
pub(super) async fn check(house: &House) -> Result<Check, Refused> {
    // As good as random: ids of files are.
    let looked = house.blob.verify_behind(Some(FileId::new()), SAMPLE).await?;
    let mut sample = looked.files;
    if looked.last.is_none() {
        sample += house.blob.verify_behind(None, SAMPLE.saturating_sub(looked.bytes)).await?.files;
    }
    let damage = house.pipeline.damage().await?;
    if damage.is_empty() {
        let what = format!(
            "{sample} were checked now, and none is known to be damaged; `kinora doctor --deep` checks all"
        );
        return Ok(Check::good("stored files", what));
    }
    let named: Vec<String> = damage.iter().take(NAMED).map(|one| one.owner.to_string()).collect();
    let more = damage.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    Ok(Check::bad(
        "stored files",
        format!(
            "{} are damaged ({}{more}): restore them with `kinora restore --damaged BACKUP`; encodes can be \
             made again from its original with `kinora title reencode TITLE`",
            damage.len(),
            named.join(", ")
        ),
    ))
}
