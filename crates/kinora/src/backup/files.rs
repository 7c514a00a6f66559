//! Files of a backup: linked or copied, hashed, synced.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use aws_lc_rs::digest::{self, SHA256};

use super::manifest::Manifest;
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
    pub(super) fn read_list(path: &Path) -> anyhow::Result<BTreeMap<String, Self>> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut all = BTreeMap::new();
        let mut lines = text.lines();
        while let (Some(length), Some(line)) = (lines.next(), lines.next()) {
            let bytes = length.strip_prefix("# ").and_then(|n| n.parse().ok());
            let parts = line.split_once("  ").and_then(|(sum, path)| Some((sum, path.rsplit_once('/')?.1)));
            let (Some(bytes), Some((sha256, id))) = (bytes, parts) else {
                anyhow::bail!("{} is damaged", path.display());
            };
            all.insert(id.to_owned(), Self { sha256: sha256.to_owned(), bytes });
        }
        Ok(all)
    }

    pub(super) fn write_list(path: &Path, all: &BTreeMap<String, Self>) -> anyhow::Result<()> {
        let mut text = String::new();
        for (id, sum) in all {
            text.push_str(&format!("# {}\n{}  objects/{}/{id}\n", sum.bytes, sum.sha256, &id[..2]));
        }
        folder::write_private(path, text.as_bytes())
    }
}

/// Where a stored file is below `objects`.
pub(super) fn objects_path(objects: &Path, id: &str) -> anyhow::Result<PathBuf> {
    let right = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    ensure!(right, "`{}` is not a file's id", crate::print::safe(id));
    Ok(objects.join(&id[..2]).join(id))
}

/// Brings a file into the backup unless it is there; answers its hash and whether it is new, `None` if it is gone.
pub(super) async fn keep(
    from: PathBuf,
    into: PathBuf,
    known: Option<FileSum>,
) -> anyhow::Result<Option<(FileSum, bool)>> {
    blocking(move || {
        let there = fs::metadata(&into).ok().map(|m| m.len());
        if let Some(sum) = known
            && there == Some(sum.bytes)
        {
            return Ok(Some((sum, false)));
        }
        match link_or_copy(&from, &into) {
            Ok(()) => Ok(Some((sum_of(&into)?, true))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => {
                Err(e).with_context(|| format!("cannot bring {} to {}", from.display(), into.display()))
            }
        }
    })
    .await
}

/// Brings a file out of a backup.
pub(super) async fn bring(from: PathBuf, into: PathBuf, sum: &FileSum) -> anyhow::Result<()> {
    let bytes = sum.bytes;
    blocking(move || {
        link_or_copy(&from, &into).with_context(|| format!("cannot bring {}", from.display()))?;
        ensure!(fs::metadata(&into)?.len() == bytes, "{} is cut", into.display());
        Ok(())
    })
    .await
}

/// Copies a file that will be written to.
pub(super) async fn copy_file(from: PathBuf, into: PathBuf) -> anyhow::Result<()> {
    blocking(move || copy(&from, &into).with_context(|| format!("cannot bring {}", from.display()))).await
}

/// SHA-256 of a file in hex.
pub(super) async fn hash_file(path: &Path) -> anyhow::Result<String> {
    let path = path.to_owned();
    blocking(move || Ok(sum_of(&path)?.sha256)).await
}

/// A second name on the same file system (stored files never change), a synced copy on another.
fn link_or_copy(from: &Path, into: &Path) -> io::Result<()> {
    if let Some(folder) = into.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    // What an earlier backup left half-written.
    match fs::remove_file(into) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    match fs::hard_link(from, into) {
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::CrossesDevices | io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported
            ) =>
        {
            copy(from, into)
        }
        other => other,
    }?;
    into.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn copy(from: &Path, into: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut target = OpenOptions::new().create_new(true).write(true).mode(0o600).open(into)?;
    io::copy(&mut source, &mut target)?;
    target.flush()?;
    target.sync_all()
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

/// Makes a private folder with its parents.
pub(super) fn make_folder(path: &Path) -> anyhow::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("cannot make {}", path.display()))
}

/// Whether there is anything in a folder.
pub(super) fn has_any(path: &Path) -> anyhow::Result<bool> {
    Ok(!names(path)?.is_empty())
}

/// Whether there is anything that no broken-off backup left.
pub(super) fn has_other(path: &Path) -> anyhow::Result<bool> {
    let ours = |name: &String| name == "objects" || name == "keys" || name.starts_with("kinora-1.");
    Ok(!names(path)?.iter().all(|name| ours(name) || name.starts_with("objects-1.")))
}

fn names(path: &Path) -> anyhow::Result<Vec<String>> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e).with_context(|| format!("cannot read {}", path.display())),
    };
    let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    entries.map(name).collect()
}

/// Deletes what belonged only to the state before.
pub(super) fn prune(
    to: &Path,
    before: Option<&Manifest>,
    now: &Manifest,
    sums: &BTreeMap<String, FileSum>,
) -> anyhow::Result<()> {
    if let Some(before) = before {
        fs::remove_file(to.join(&before.database))
            .context("cannot remove the database of the backup before")?;
        fs::remove_file(to.join(&before.objects)).context("cannot remove the list of the backup before")?;
        if before.keys && !now.keys {
            fs::remove_file(to.join(super::RING))
                .context("cannot remove the key ring of the backup before")?;
        }
    }
    let kept: BTreeSet<&str> = sums.keys().map(String::as_str).collect();
    for folder in names(&to.join("objects"))? {
        let folder = to.join("objects").join(folder);
        for name in names(&folder)? {
            if !kept.contains(name.as_str()) {
                fs::remove_file(folder.join(&name)).with_context(|| format!("cannot remove {name}"))?;
            }
        }
    }
    Ok(())
}

/// Syncs the folders of a tree; its files are synced already.
pub(super) fn sync_tree(path: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        }
    }
    File::open(path)?.sync_all().with_context(|| format!("cannot sync {}", path.display()))
}

async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(job).await?
}
