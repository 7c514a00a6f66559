//! The stored files as they lie on disk, for copies of a whole store: which there are, and how one gets from folder to
//! folder.
//!
//! A copy has the bytes that the store has, and the keys are in the tables. A stored file never changes, so that a second
//! name of it is as good as a copy. Whether it is what was written is for [`StoredFile::verify`] to say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use db::{Tx, args};
use model::FileId;

pub use crate::disk::path;
use crate::error::disk;
use crate::verify::{StoredFile, columns};
use crate::{Error, Result};

const ROWS: &str = concat!("SELECT ", columns!(), " FROM files f");

/// The stored files that the tables name, as the transaction sees them.
pub async fn files(tx: &mut Tx) -> Result<BTreeSet<FileId>> {
    let rows = tx.all("SELECT id FROM files", args![]).await?;
    Ok(rows.iter().map(|row| row.get("id")).collect::<db::Result<_>>()?)
}

/// The stored files that the tables name and what must be in them, as the transaction sees them.
pub async fn rows(tx: &mut Tx) -> Result<BTreeMap<FileId, StoredFile>> {
    let rows = tx.all(ROWS, args![]).await?;
    rows.iter().map(|row| StoredFile::from_row(row).map(|file| (file.id, file))).collect()
}

/// Brings a file from one folder to another, in place of what is there: a second name on the same file system, a
/// private copy on another; on disk when this answers. `false` if it is not in the first one, and then nothing is
/// changed. Blocks.
///
/// # Errors
/// [`Error::Unreadable`] if the disk of the first folder lost the file's bytes.
pub fn bring(id: FileId, from: &Path, into: &Path) -> Result<bool> {
    bring_checked(id, from, into, |_| Ok((true, ()))).map(|brought| brought.is_some())
}

/// As [`bring`], if `check` says so of what would take the place: it gets its path, and whatever else it answers comes
/// back. Otherwise what is there stays. `None` if the file is not in the first folder. Blocks.
///
/// # Errors
/// The errors of [`bring`] and of `check`.
pub fn bring_checked<T>(
    id: FileId,
    from: &Path,
    into: &Path,
    check: impl FnOnce(&Path) -> Result<(bool, T)>,
) -> Result<Option<T>> {
    let (from, into) = (path(from, id), path(into, id));
    let folder = durable::folder_of(&into);
    durable::make_folder(folder).map_err(disk("make folder", folder))?;
    // An interrupted call may have left it.
    let beside = into.with_extension("new");
    remove(&beside)?;
    match fs::hard_link(&from, &beside) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) if has_no_second_name(&e) => {
            if !copy(&from, &beside)? {
                return Ok(None);
            }
        }
        Err(e) => return Err(disk("link", &from)(e)),
    }
    let (is_good, answer) = match check(&beside) {
        Ok(checked) => checked,
        Err(error) => {
            remove(&beside)?;
            return Err(error);
        }
    };
    if is_good {
        fs::rename(&beside, &into).map_err(disk("rename", &beside))?;
    }
    // Renaming one name of a file to another of the same file leaves both.
    remove(&beside)?;
    durable::sync_folder(folder).map_err(disk("sync folder", folder))?;
    Ok(Some(answer))
}

fn has_no_second_name(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::CrossesDevices
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::TooManyLinks
            | io::ErrorKind::Unsupported
    )
}

fn copy(from: &Path, to: &Path) -> Result<bool> {
    let mut source = match File::open(from) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        opened => opened.map_err(disk("open", from))?,
    };
    let target = OpenOptions::new().create_new(true).write(true).mode(0o600).open(to);
    let mut target = target.map_err(disk("create", to))?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        // Which of the two refuses is told apart: one lost file is no reason to have no copy of the others.
        match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => target.write_all(&buffer[..n]).map_err(disk("write", to))?,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(Error::Unreadable { path: from.to_owned(), source }),
        }
    }
    target.sync_all().map_err(disk("sync", to))?;
    Ok(true)
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(disk("delete", path)(e)),
        _ => Ok(()),
    }
}
