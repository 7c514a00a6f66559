//! `kinora backup --check`, and what a restore looks at before it writes.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use blob::mirror;
use model::FileId;
use seal::Ring;

use super::archive::Archive;
use super::files::{self, FileSum, list_of};
use super::manifest::Manifest;

/// Verifies a backup, and puts damaged files aside, so that the next backup copies them again.
pub(super) async fn check(from: &Path) -> anyhow::Result<()> {
    let from = Archive::to_read(from)?;
    let manifest = manifest_of(&from)?;
    let checked = examine(&from, &manifest).await?;
    let (count, bad) = (checked.sums.len(), checked.bad.len());
    if bad > 0 {
        let next = match checked.bad.iter().try_for_each(|id| put_aside(&from, *id)) {
            Ok(()) => "the next backup into this folder copies them again".into(),
            Err(error) => format!("and they stay as they are: {error:#}"),
        };
        bail!("{bad} of {count} objects are missing or damaged ({}); {next}", checked.bad_paths(&from));
    }
    let path = from.path().display();
    ensure!(
        manifest.missing.is_empty(),
        "{path} has all {count} objects that existed; {} had been lost before: {}",
        manifest.missing.len(),
        manifest.missing.join(", ")
    );
    println!("{path} is intact: {count} objects and the database match their hashes.");
    Ok(())
}

/// A backup that was compared with its hashes.
pub(super) struct Checked {
    /// The objects that should be in it.
    pub(super) sums: BTreeMap<FileId, FileSum>,
    /// Files that are not intact.
    pub(super) bad: Vec<FileId>,
    pub(super) ring: Option<Ring>,
}

impl Checked {
    pub(super) fn bad_paths(&self, from: &Archive) -> String {
        let path = |id: &FileId| mirror::path(&from.objects(), *id).display().to_string();
        self.bad.iter().map(path).collect::<Vec<_>>().join(", ")
    }
}

/// Compares everything with its hash.
///
/// # Errors
/// If what is one of a kind cannot be used: database, list, key ring.
pub(super) async fn examine(from: &Archive, manifest: &Manifest) -> anyhow::Result<Checked> {
    let got = files::hash_file(&from.join(&manifest.database)).await?;
    ensure!(got == manifest.database_sha256, "{} is damaged", manifest.database);
    let mut sums = list_of(from, manifest)?;
    let ring = match manifest.keys {
        true => Some(from.ring()?.context("the backup does not contain the key ring")?),
        false => None,
    };
    for id in &manifest.missing {
        sums.remove(&id.parse()?);
    }
    let mut bad = Vec::new();
    for (id, sum) in &sums {
        let path = mirror::path(&from.objects(), *id);
        match files::hash_file(&path).await {
            Ok(got) if got == sum.sha256 => {}
            _ => bad.push(*id),
        }
    }
    Ok(Checked { sums, bad, ring })
}

pub(super) fn manifest_of(from: &Archive) -> anyhow::Result<Manifest> {
    Manifest::read(from.path())?.with_context(|| format!("{} is not a backup", from.path().display()))
}

fn put_aside(from: &Archive, id: FileId) -> anyhow::Result<()> {
    let path = mirror::path(&from.objects(), id);
    match std::fs::rename(&path, from.aside(id)) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).with_context(|| format!("cannot rename {}", path.display()))
        }
        _ => Ok(()),
    }
}
