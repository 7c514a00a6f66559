//! Files of a backup: brought, hashed, listed.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use aws_lc_rs::digest::{self, SHA256};
use blob::mirror;
use model::FileId;

use crate::folder;

/// What a stored file must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileSum {
    /// Hex.
    pub(super) sha256: String,
    pub(super) bytes: u64,
}

impl FileSum {
    /// Reads a list: `sha256`, two spaces, path, and the length after `#`, which `sha256sum` takes for a comment line.
    pub(super) fn read_list(path: &Path) -> anyhow::Result<BTreeMap<FileId, Self>> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse_list(&text).with_context(|| format!("{} is damaged", path.display()))
    }

    /// The files of a list; `None` where it is none.
    pub(super) fn parse_list(text: &str) -> Option<BTreeMap<FileId, Self>> {
        let mut all = BTreeMap::new();
        let mut lines = text.lines();
        while let Some(length) = lines.next() {
            let bytes = length.strip_prefix("# ")?.parse().ok()?;
            let (sha256, path) = lines.next()?.split_once("  ")?;
            let digits = sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            let id = path.rsplit_once('/')?.1.parse().ok()?;
            let sum = (digits && sha256.len() == 64).then(|| Self { sha256: sha256.to_owned(), bytes })?;
            all.insert(id, sum);
        }
        Some(all)
    }

    pub(super) fn write_list(path: &Path, all: &BTreeMap<FileId, Self>) -> anyhow::Result<()> {
        folder::write_private(path, Self::list(all).as_bytes())
    }

    /// The list of these files.
    pub(super) fn list(all: &BTreeMap<FileId, Self>) -> String {
        let mut text = String::new();
        for (id, sum) in all {
            let place = mirror::path(Path::new("objects"), *id);
            text.push_str(&format!("# {}\n{}  {}\n", sum.bytes, sum.sha256, place.display()));
        }
        text
    }
}

/// How a file came to be in the backup, or why it is not.
pub(super) enum Kept {
    /// It was there.
    Already(FileSum),
    /// It was brought.
    New(FileSum),
    /// The store has it no more.
    Gone,
    /// The store has it, and its disk does not give the bytes.
    Unreadable,
    /// The store has something else in its place: stored files never change, so it is damaged.
    Altered(FileSum),
}

/// Brings a file from the store's folder into the backup's unless it is there.
pub(super) async fn keep(
    id: FileId,
    (from, into): (PathBuf, PathBuf),
    known: Option<FileSum>,
) -> anyhow::Result<Kept> {
    blocking(move || {
        let place = mirror::path(&into, id);
        let there = fs::metadata(&place).ok().map(|m| m.len());
        match &known {
            Some(sum) if there == Some(sum.bytes) => return Ok(Kept::Already(sum.clone())),
            _ => {}
        }
        match mirror::bring(id, &from, &into) {
            Ok(true) => {}
            Ok(false) => return Ok(Kept::Gone),
            Err(blob::Error::Unreadable { .. }) => return Ok(Kept::Unreadable),
            Err(error) => return Err(error.into()),
        }
        let sum = match sum_of(&place) {
            Ok(sum) => sum,
            // The same bytes under a second name.
            Err(_) if is_same(&place, &mirror::path(&from, id)) => {
                fs::remove_file(&place).with_context(|| format!("cannot remove {}", place.display()))?;
                return Ok(Kept::Unreadable);
            }
            Err(error) => return Err(error),
        };
        match known {
            Some(known) if known != sum => {
                fs::remove_file(&place).with_context(|| format!("cannot remove {}", place.display()))?;
                Ok(Kept::Altered(known))
            }
            _ => Ok(Kept::New(sum)),
        }
    })
    .await
}

/// Whether two paths name one file.
fn is_same(one: &Path, other: &Path) -> bool {
    let id = |path: &Path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    id(one).is_some_and(|found| Some(found) == id(other))
}

/// Brings a file out of a backup's folder.
pub(super) async fn bring(id: FileId, from: PathBuf, into: PathBuf, sum: &FileSum) -> anyhow::Result<()> {
    let bytes = sum.bytes;
    blocking(move || {
        let brought = mirror::bring(id, &from, &into)?;
        let place = mirror::path(&into, id);
        ensure!(brought && fs::metadata(&place)?.len() == bytes, "{} is cut", place.display());
        Ok(())
    })
    .await
}

/// Copies a file that will be written to.
pub(super) async fn copy_file(from: PathBuf, into: PathBuf) -> anyhow::Result<()> {
    let copy = |from: &Path, into: &Path| {
        let mut source = File::open(from)?;
        let mut target = OpenOptions::new().create_new(true).write(true).mode(0o600).open(into)?;
        io::copy(&mut source, &mut target)?;
        target.flush()?;
        target.sync_all()
    };
    blocking(move || copy(&from, &into).with_context(|| format!("cannot bring {}", from.display()))).await
}

/// SHA-256 of a file in hex.
pub(super) async fn hash_file(path: &Path) -> anyhow::Result<String> {
    let path = path.to_owned();
    blocking(move || Ok(sum_of(&path)?.sha256)).await
}

fn sum_of(path: &Path) -> anyhow::Result<FileSum> {
    let mut file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut hash = digest::Context::new(&SHA256);
    let (mut buffer, mut bytes) = (vec![0; 1 << 20], 0);
    loop {
        match file.read(&mut buffer).with_context(|| format!("cannot read {}", path.display()))? {
            0 => return Ok(FileSum { sha256: hex::encode(hash.finish()), bytes }),
            n => {
                hash.update(&buffer[..n]);
                bytes += n as u64;
            }
        }
    }
}

async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(job).await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_was_written_and_nothing_else_is_one() {
        let sum = FileSum { sha256: "0a".repeat(32), bytes: 5 };
        let all =
            BTreeMap::from([(FileId::new(), sum.clone()), (FileId::new(), FileSum { bytes: 0, ..sum })]);
        let text = FileSum::list(&all);
        assert_eq!(FileSum::parse_list(&text), Some(all));
        assert_eq!(FileSum::parse_list(""), Some(BTreeMap::new()));
        for bad in [
            &text[2..],
            &text[..text.len() - 2],
            text.split_once('\n').unwrap().0,
            &text.replace("0a0a", "0A0A"),
            &text.replace("0a0a", "0a "),
        ] {
            assert_eq!(FileSum::parse_list(bad), None, "{bad}");
        }
    }
}
