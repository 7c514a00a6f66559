//! The database's file: whether it is sound, and space on the disk for what it must write.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use db::{Ballast, Db};
use tokio_util::sync::CancellationToken;

/// Bytes that are kept for the database; of a small disk less.
pub(crate) const BALLAST: u64 = 16 << 20;
/// How long a start waits for the check of the file; a larger one is checked while the server runs.
const TIME_LIMIT: Duration = Duration::from_secs(3);
/// From one look at the space to the next.
const AGAIN: Duration = Duration::from_secs(10);

/// Advice for a damaged database.
pub(crate) const DAMAGED: &str = "the database is damaged. Stop the server and keep a copy of kinora.db. Then restore \
    the last backup into a new folder (`kinora restore BACKUP --data NEW`), or save what can still be read: \
    `sqlite3 kinora.db .recover | sqlite3 saved.db`, put saved.db in the place of kinora.db, and remove kinora.db-wal and \
    kinora.db-shm";

/// Looks through a database that is being opened; `false` if that takes longer than a start may.
///
/// # Errors
/// If it is damaged, with what to do.
pub(super) async fn look_through(db: &Db) -> anyhow::Result<bool> {
    match tokio::time::timeout(TIME_LIMIT, db.damage()).await {
        Err(_) => Ok(false),
        Ok(found) => match found.context("cannot check the database")?.as_slice() {
            [] => Ok(true),
            [first, ..] => bail!("{DAMAGED} (found: {first})"),
        },
    }
}

/// Says what to do where an error comes of a damaged database.
pub(super) fn explain(error: anyhow::Error) -> anyhow::Error {
    if db::is_damaged(error.as_ref()) { error.context(DAMAGED) } else { error }
}

/// Ends the check that the start left (`unfinished`), and keeps the ballast as large as the disk allows.
pub(crate) async fn keep(db: Db, unfinished: bool, stop: CancellationToken) -> anyhow::Result<()> {
    let work = async {
        if unfinished {
            match db.damage().await {
                Ok(found) if found.is_empty() => tracing::info!("the database is intact"),
                Ok(found) => tracing::error!(found = found.join("; "), "{DAMAGED}"),
                Err(error) => {
                    tracing::error!(error = %model::Chain(&error), "cannot check the database");
                }
            }
        }
        let Some(ballast) = db.ballast().cloned() else { return std::future::pending().await };
        loop {
            if let Err(error) = fill(ballast.clone()).await {
                tracing::warn!(error = format!("{error:#}"), "cannot reserve space for the database");
            }
            tokio::time::sleep(AGAIN).await;
        }
    };
    stop.run_until_cancelled(work).await;
    Ok(())
}

async fn fill(ballast: Arc<Ballast>) -> anyhow::Result<u64> {
    Ok(runtime::begin(move || ballast.fill(BALLAST)).await??)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::config::Config;
    use crate::folder::Folder;
    use crate::house::{House, testing};

    #[tokio::test]
    async fn a_start_on_destroyed_pages_is_refused_and_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let house = testing::open(&folder).await;
        let place = house.place.clone();
        house.close().await;
        drop(house);
        let path = folder.join("kinora.db");
        let whole = fs::read(&path).unwrap();
        let pages = whole.len() / 4096;
        for first in [1, pages / 2, pages - 3] {
            let mut damaged = whole.clone();
            damaged[first * 4096..(first + 3) * 4096].fill(0x5a);
            fs::write(&path, &damaged).unwrap();
            let refused = House::try_open(&Config::default(), &folder, place.clone()).await.unwrap_err();
            let refused = format!("{refused:#}");
            assert!(refused.contains("kinora restore") && refused.contains(".recover"), "{first}: {refused}");
            assert!(fs::read(&path).unwrap() == damaged, "it is left as it is");
        }
        fs::write(&path, whole).unwrap();
        House::try_open(&Config::default(), &folder, place).await.unwrap();
    }
}
