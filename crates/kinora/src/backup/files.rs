//! Files of a backup: brought, hashed, listed.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use aws_lc_rs::digest::{self, SHA256};
use blob::{StoredFile, Verdict, mirror};
use model::FileId;
use runtime::blocking;
use seal::KeyRing;

use super::archive::Archive;
use super::manifest::Manifest;

/// Expected properties of a stored file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileSum {
    /// Hex.
    pub(super) sha256: String,
    pub(super) bytes: u64,
    /// Whether it was seen that this is what was written: by tags, or by a hash that the store kept.
    pub(super) verified: bool,
}

/// Stands behind the length of a file of which that was not seen.
const UNVERIFIED: &str = " unverified";

/// The list that a manifest names, if it is the one that was written with it.
pub(super) fn list_of(archive: &Archive, manifest: &Manifest) -> anyhow::Result<BTreeMap<FileId, FileSum>> {
    let path = archive.join(&manifest.objects);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    if let Some(expected) = &manifest.objects_sha256 {
        ensure!(hash(text.as_bytes()) == *expected, "{} is damaged", path.display());
    }
    let mut all = FileSum::parse_list(&text).with_context(|| format!("{} is damaged", path.display()))?;
    ensure!(all.len() as u64 == manifest.count, "{} is cut", manifest.objects);
    if manifest.objects_sha256.is_none() {
        // Of a version that took what the disk gave for what was written.
        all.values_mut().for_each(|sum| sum.verified = false);
    }
    Ok(all)
}

/// SHA-256 of a text in hex.
pub(super) fn hash(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&SHA256, bytes))
}

impl FileSum {
    /// The files of a list; `None` where it is invalid: `sha256`, two spaces, path, and before it the length after `#`,
    /// which `sha256sum` takes for a comment line.
    pub(super) fn parse_list(text: &str) -> Option<BTreeMap<FileId, Self>> {
        let mut all = BTreeMap::new();
        let mut lines = text.lines();
        while let Some(length) = lines.next() {
            let length = length.strip_prefix("# ")?;
            let verified = !length.ends_with(UNVERIFIED);
            let bytes = length.strip_suffix(UNVERIFIED).unwrap_or(length).parse().ok()?;
            let (sha256, path) = lines.next()?.split_once("  ")?;
            let digits = sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            let id = path.rsplit_once('/')?.1.parse().ok()?;
            let sum = (digits && sha256.len() == 64).then(|| Self {
                sha256: sha256.to_owned(),
                bytes,
                verified,
            })?;
            all.insert(id, sum);
        }
        Some(all)
    }

    /// The list of these files.
    pub(super) fn list(all: &BTreeMap<FileId, Self>) -> String {
        let mut text = String::new();
        for (id, sum) in all {
            let place = mirror::path(Path::new("objects"), *id);
            let seen = if sum.verified { "" } else { UNVERIFIED };
            text.push_str(&format!("# {}{seen}\n{}  {}\n", sum.bytes, sum.sha256, place.display()));
        }
        text
    }
}

/// How a file came to be in the backup, or why it is not.
pub(super) enum Kept {
    /// The file was already there.
    Already(FileSum),
    /// The file was copied.
    New(FileSum),
    /// The store no longer has it.
    Gone,
    /// The store has it, and it is not what was written, or its disk does not give the bytes. What the backup has of it
    /// stays.
    Damaged,
}

/// A file that is to be in the backup.
pub(super) struct Wanted {
    /// The properties from its rows.
    pub(super) row: StoredFile,
    /// The folder of the store.
    pub(super) from: PathBuf,
    /// The folder of the backup.
    pub(super) into: PathBuf,
    /// The properties from the backup's list.
    pub(super) known: Option<FileSum>,
    /// The key ring that opens sealed files.
    pub(super) keys: Option<KeyRing>,
}

/// Result of reading a stored file.
pub(super) struct Look {
    pub(super) verdict: Verdict,
    /// Hash of the stored bytes.
    pub(super) sum: FileSum,
}

/// Reads a file whole, compares it with what the rows say, and hashes it. Blocks.
pub(super) fn look(row: &StoredFile, path: &Path, keys: Option<&KeyRing>) -> blob::Result<Look> {
    let (mut hash, mut bytes) = (digest::Context::new(&SHA256), 0);
    let verdict = row.verify(path, keys, |piece| {
        hash.update(piece);
        bytes += piece.len() as u64;
        true
    })?;
    let verified = verdict == Verdict::Whole;
    Ok(Look { verdict, sum: FileSum { sha256: hex::encode(hash.finish()), bytes, verified } })
}

/// Brings a file from the store's folder into the backup's unless it is there.
pub(super) async fn keep(wanted: Wanted) -> anyhow::Result<Kept> {
    blocking(move || keep_now(&wanted)).await
}

fn keep_now(wanted: &Wanted) -> anyhow::Result<Kept> {
    let Wanted { row, from, into, known, keys } = wanted;
    let (keys, place) = (keys.as_ref(), mirror::path(into, row.id));
    let there = fs::metadata(&place).ok().map(|found| found.len());
    // Without keys nothing more can be seen of what was not seen before.
    let enough = |sum: &FileSum| (sum.verified || keys.is_none()) && there == Some(sum.bytes);
    if let Some(sum) = known.as_ref().filter(|sum| enough(sum)) {
        return Ok(Kept::Already(sum.clone()));
    }
    let mut here = None;
    if there.is_some() {
        match look(row, &place, keys) {
            // No list that can be trusted tells of it: it does so itself.
            Ok(Look { verdict: Verdict::Whole, sum }) => return Ok(Kept::Already(sum)),
            Ok(Look { verdict: Verdict::Unknown, sum }) => here = Some(sum),
            // The store's may be better.
            Ok(_) | Err(_) => {}
        }
    }
    let expected = known.as_ref().or(here.as_ref()).map(|sum| sum.sha256.clone());
    let original = mirror::path(from, row.id);
    let brought = mirror::bring_checked(row.id, from, into, |path| {
        let looked = match look(row, path, keys) {
            // The same bytes under a second name: it is the store's disk that refused.
            Err(blob::Error::Unreadable { .. }) if is_same(path, &original) => {
                return Ok((false, Kept::Damaged));
            }
            other => other?,
        };
        let is_good = match looked.verdict {
            Verdict::Whole => true,
            Verdict::Unknown => expected.is_none_or(|expected| expected == looked.sum.sha256),
            _ => false,
        };
        Ok((is_good, if is_good { Kept::New(looked.sum) } else { Kept::Damaged }))
    });
    match brought {
        Ok(Some(kept)) => Ok(kept),
        Ok(None) => Ok(Kept::Gone),
        // The store's disk, of which a copy was being made.
        Err(blob::Error::Unreadable { path, .. }) if path == original => Ok(Kept::Damaged),
        Err(error) => Err(error.into()),
    }
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
    blocking(move || copy(&from, &into).with_context(|| format!("cannot copy {}", from.display()))).await
}

/// SHA-256 of a file in hex.
pub(super) async fn hash_file(path: &Path) -> anyhow::Result<String> {
    let path = path.to_owned();
    blocking(move || sum_of(&path)).await
}

fn sum_of(path: &Path) -> anyhow::Result<String> {
    let mut file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut hash = digest::Context::new(&SHA256);
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).with_context(|| format!("cannot read {}", path.display()))? {
            0 => return Ok(hex::encode(hash.finish())),
            n => hash.update(&buffer[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_was_written_and_nothing_else_is_one() {
        let sum = FileSum { sha256: "0a".repeat(32), bytes: 5, verified: true };
        let unverified = FileSum { bytes: 0, verified: false, ..sum.clone() };
        let all = BTreeMap::from([(FileId::new(), sum), (FileId::new(), unverified)]);
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
