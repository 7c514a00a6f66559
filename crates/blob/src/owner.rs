//! The link between a store's folder and its database: both carry the same id.
//!
//! Sweeping deletes files that no row mentions, so that on a fresh or foreign database it would delete everything. Where
//! an id is missing – the store is new, restored, or from before there were ids – what is in the two must fit, and then
//! both get one. A folder in which nothing was stored yet is any new database's, and no more that of the one before.

use std::ffi::OsString;
use std::path::Path;
use std::{fs, io};

use db::{Db, args};
use model::FileId;
use runtime::blocking;
use uuid::Uuid;

use crate::disk::{Disk, folders};
use crate::error::disk;
use crate::{Error, Result};

const READ: &str = "SELECT id FROM store WHERE one = 1";
const INSERT: &str = "INSERT INTO store (one, id) VALUES (1, $1) ON CONFLICT (one) DO NOTHING";
/// Enough of the stored files: if none of them is in the folder, it is not theirs.
const SOME: &str = "SELECT id FROM files ORDER BY id LIMIT 1000";

/// Whether a store's folder is a database's already: it has an id, or files from before there were ids. A caller that
/// creates a new database in its place is refused, because that would be taken for the installation's. Blocks.
pub fn is_owned(root: &Path) -> Result<bool> {
    let id = root.join("id");
    Ok(id.try_exists().map_err(disk("look for", id))? || has_files(root)?)
}

/// Whether something is stored in a store's folder. Blocks.
///
/// # Errors
/// If a folder of it cannot be read: there may be something.
pub fn has_files(root: &Path) -> Result<bool> {
    for path in folders(root) {
        let entries = match fs::read_dir(&path) {
            // The store was never opened, or not to the end.
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(disk("list", &path))?,
        };
        let names = entries.map(|entry| Ok(entry?.file_name()));
        if any_stored(names).map_err(disk("list", &path))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether one of these names is a stored file's. One that cannot be read may be.
fn any_stored(names: impl Iterator<Item = io::Result<OsString>>) -> io::Result<bool> {
    for name in names {
        if name?.to_str().is_some_and(|name| name.parse::<FileId>().is_ok()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The id that a store's folder carries, if it has one. Blocks.
pub fn folder_id(root: &Path) -> Result<Option<String>> {
    let path = root.join("id");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim_end().to_owned())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(disk("read", path)(e)),
    }
}

/// The id of the store that the database's rows are of; `None` where no store was opened on it yet, or none since there
/// are ids.
pub async fn store_id(db: &Db) -> Result<Option<String>> {
    if db.has_table("store").await? { in_database(db).await } else { Ok(None) }
}

/// Refuses a folder that is not the database's.
///
/// # Errors
/// [`Error::OtherDatabase`], [`Error::FilesElsewhere`].
pub(crate) async fn check(db: &Db, disk: &Disk) -> Result<()> {
    let (own, there) = (in_database(db).await?, in_folder(disk).await?);
    let (id, replace) = match (own, there) {
        (Some(own), Some(there)) if own == there => return Ok(()),
        (Some(_), Some(_)) => return Err(other(disk)),
        (own, there) => {
            let same = fits(db, disk, own.as_deref()).await?;
            // An empty folder that another database had gets a new id, so that the other one is refused from now on:
            // it would delete what this one stores.
            let replace = there.is_some() && !same;
            let id = own.or(there.filter(|_| same));
            (id.unwrap_or_else(|| Uuid::new_v4().as_simple().to_string()), replace)
        }
    };
    // Of several processes that start together one makes the row, and all write what it says. It comes first: a database
    // without an id beside a folder that has one is what we refuse.
    db.execute(INSERT, args![id]).await?;
    let id = in_database(db).await?.ok_or(db::Error::NoRow { sql: READ })?;
    let (writing, text) = (disk.clone(), id.clone());
    blocking(move || if replace { writing.replace_id(&text) } else { writing.set_id(&text) }).await?;
    if in_folder(disk).await?.is_none_or(|there| there != id) {
        return Err(other(disk));
    }
    Ok(())
}

/// Whether one of the database's files is in the folder; an error if it is not and something could be lost.
async fn fits(db: &Db, disk: &Disk, own: Option<&str>) -> Result<bool> {
    let looking = disk.clone();
    let stored = blocking(move || has_files(looking.root())).await?;
    let rows = db.all(SOME, args![]).await?;
    let named: Vec<FileId> = rows.iter().map(|row| row.get("id")).collect::<db::Result<_>>()?;
    let (looking, some) = (disk.clone(), !named.is_empty());
    let there = runtime::begin(move || named.into_iter().any(|file| looking.has(file))).await?;
    match own {
        _ if there => Ok(true),
        _ if stored => Err(other(disk)),
        Some(id) if some => Err(Error::FilesElsewhere { folder: disk.root().to_owned(), id: id.to_owned() }),
        _ => Ok(false),
    }
}

/// Read where it is written, so that what another process wrote just now is seen.
async fn in_database(db: &Db) -> Result<Option<String>> {
    let rows = db.returning(READ, args![]).await?;
    Ok(rows.first().map(|row| row.get("id")).transpose()?)
}

async fn in_folder(disk: &Disk) -> Result<Option<String>> {
    let disk = disk.clone();
    blocking(move || folder_id(disk.root())).await
}

fn other(disk: &Disk) -> Error {
    Error::OtherDatabase { folder: disk.root().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_read_to_its_end_may_hold_files() {
        let broken = || Err(io::Error::other("the disk fails"));
        let file = || Ok(FileId::new().to_string().into());
        assert!(!any_stored([Ok("README".into())].into_iter()).unwrap());
        assert!(any_stored([Ok("README".into()), file(), broken()].into_iter()).unwrap());
        assert!(any_stored([Ok("README".into()), broken()].into_iter()).is_err());
    }

    #[test]
    fn a_folder_that_cannot_be_read_is_nobodys_to_take() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!has_files(dir.path()).unwrap() && !is_owned(dir.path()).unwrap());
        fs::create_dir(dir.path().join("00")).unwrap();
        fs::write(dir.path().join("00/README"), "").unwrap();
        assert!(!has_files(dir.path()).unwrap() && !is_owned(dir.path()).unwrap());
        // A file cannot be listed like a folder, by any user.
        fs::write(dir.path().join("ff"), "").unwrap();
        assert!(has_files(dir.path()).is_err() && is_owned(dir.path()).is_err());
        fs::write(dir.path().join("id"), "1\n").unwrap();
        assert!(has_files(dir.path()).is_err() && is_owned(dir.path()).unwrap());
    }
}
