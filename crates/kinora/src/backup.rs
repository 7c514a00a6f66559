//! `kinora backup` and `kinora restore`.
//!
//! A backup is a folder: a snapshot of the database, the object files that its rows name (sealed as they are), a list
//! of their SHA-256 and, written last and replaced at once, a manifest that names the two. Objects never change, so that
//! a later backup into the same folder adds only what is new. The server may run meanwhile: a file that it deleted
//! after the snapshot is not in the next snapshot, which is taken then. A file that the next one names too is lost, and
//! the backup says so.

mod archive;
mod database;
mod files;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod manifest;
mod restore;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use blob::mirror;
use model::FileId;
use seal::Ring;

pub(crate) use restore::restore;

use crate::cli::Backup;
use crate::config::Installation;
use crate::keys;
use archive::Archive;
use database::Source;
use files::{FileSum, Kept, keep};
use manifest::Manifest;

/// Snapshots that are tried before giving up.
const TRIES: u32 = 10;

/// Copies the installation.
pub(crate) async fn backup(command: Backup) -> anyhow::Result<()> {
    if command.check {
        return check(&command.to).await;
    }
    let installation = Installation::with_keys(&command.ring)?;
    let (data, provider) = (&installation.data, installation.provider());
    let address = Installation::database(&command.ring.server, command.database)?;
    let ring = || match command.with_keys {
        true => provider.load()?.context("there is no key ring to put into the backup").map(Some),
        false => Ok(None),
    };
    // What is missing is said before hours of copying.
    ring()?;
    let source = Source::open(address.as_deref(), data).await?;
    // The folder's first: a first start meanwhile gives it to the folder last.
    let objects = data.join("objects");
    let (there, store) = (blob::folder_id(&objects)?, source.store().await?);
    ensure!(
        there.is_none() || there == store,
        "the files in {} are not those of this database: name the one that they belong to (--database, or the setting \
         `database`)",
        objects.display()
    );
    let to = Archive::to_write(&command.to)?;
    let before = Manifest::read(to.path())?;
    let turn = before.as_ref().map_or(0, |manifest| manifest.turn) + 1;
    let known = known(&to, before.as_ref());
    if let Some(before) = &before {
        let same = match &before.store {
            Some(_) => before.store == store,
            // Its list may be the one thing in it that is damaged.
            None => {
                let has = |id: &FileId| mirror::path(&to.objects(), *id).exists();
                before.count == 0 || source.files().await?.iter().any(has)
            }
        };
        let whose = match &before.store {
            Some(_) => "is another installation's",
            None => "has none of this installation's files, so that it may be another installation's",
        };
        ensure!(
            same,
            "the backup in {} {whose}, and would be lost: name another folder, or the database that this one is of \
             (--database)",
            to.path().display()
        );
    }
    let database = to.join(&source.engine().file(turn));
    let Collected { sums, added, lost } = collect(&source, data, &to, &database, &known).await?;
    source.close().await;
    // Keys that were made while it copied: the snapshot may have what is sealed under them.
    let ring = ring()?;

    let objects = manifest::list_of(turn);
    FileSum::write_list(&to.join(&objects), &sums)?;
    let here = || sums.iter().filter(|(id, _)| !lost.contains(id));
    let manifest = Manifest {
        format: manifest::FORMAT,
        kinora: env!("CARGO_PKG_VERSION").to_owned(),
        made: jiff::Timestamp::now().to_string(),
        turn,
        store,
        engine: source.engine(),
        database: source.engine().file(turn),
        database_sha256: files::hash_file(&database).await?,
        objects,
        count: sums.len() as u64,
        bytes: here().map(|(_, sum)| sum.bytes).sum(),
        keys: ring.is_some(),
        missing: lost.iter().map(FileId::to_string).collect(),
    };
    publish(&to, &manifest, ring.as_ref())?;
    to.prune(&manifest, &here().map(|(id, _)| *id).collect(), &lost)?;
    println!(
        "{}: {} objects, {}; {added} objects were new.",
        to.path().display(),
        here().count(),
        model::ByteSize(manifest.bytes)
    );
    if ring.is_some() {
        println!("THE KEY RING IS IN IT: whoever gets this folder can read everything.");
    } else {
        println!(
            "The key ring is not in it, and without the key ring its files and secrets cannot be opened."
        );
        if !provider.load()?.map_or(Ok(true), |ring| provider.is_exported(&ring))? {
            println!("{}", keys::REMINDER);
        }
    }
    ensure!(
        lost.is_empty(),
        "{} stored files are lost or damaged in {}, and everything else is in the backup: {}",
        lost.len(),
        data.display(),
        manifest.missing.join(", ")
    );
    Ok(())
}

/// Makes `manifest` the state of the backup. Whenever that breaks off, the ring that the manifest on disk promises is there.
fn publish(to: &Archive, manifest: &Manifest, ring: Option<&Ring>) -> anyhow::Result<()> {
    match ring {
        Some(ring) => {
            to.put_ring(ring)?;
            manifest.write(to.path())
        }
        None => {
            manifest.write(to.path())?;
            to.remove_ring()
        }
    }
}

/// What the objects of the backup so far are. A list that cannot be read heals: every object is brought and hashed anew.
fn known(to: &Archive, before: Option<&Manifest>) -> BTreeMap<FileId, FileSum> {
    let Some(before) = before else { return BTreeMap::new() };
    FileSum::read_list(&to.join(&before.objects)).unwrap_or_else(|error| {
        eprintln!("kinora: {error:#}: all objects are brought anew");
        BTreeMap::new()
    })
}

/// The objects that one snapshot names.
struct Collected {
    /// Of those that are in the backup, and of those lost ones of which it is known what they were.
    sums: BTreeMap<FileId, FileSum>,
    added: u64,
    /// Those that the store lost.
    lost: BTreeSet<FileId>,
}

/// Takes snapshot and objects.
async fn collect(
    source: &Source,
    data: &Path,
    to: &Archive,
    database: &Path,
    known: &BTreeMap<FileId, FileSum>,
) -> anyhow::Result<Collected> {
    let mut sums: BTreeMap<FileId, FileSum> = BTreeMap::new();
    let (mut altered, mut gone) = (BTreeSet::new(), BTreeSet::new());
    let mut unreadable = BTreeSet::new();
    let mut added = 0;
    for _ in 0..TRIES {
        let wanted = source.snapshot(database).await?;
        let mut again = BTreeSet::new();
        for id in &wanted {
            if sums.contains_key(id) || unreadable.contains(id) {
                continue;
            }
            let way = (data.join("objects"), to.objects());
            match keep(*id, way, known.get(id).cloned()).await? {
                Kept::Already(sum) => {
                    sums.insert(*id, sum);
                }
                Kept::New(sum) => {
                    sums.insert(*id, sum);
                    added += 1;
                }
                Kept::Altered(sum) => {
                    sums.insert(*id, sum);
                    altered.insert(*id);
                }
                Kept::Gone => {
                    again.insert(*id);
                }
                Kept::Unreadable => {
                    unreadable.insert(*id);
                }
            }
        }
        // What the server deleted since a snapshot is not in the next one.
        if again.is_subset(&gone) {
            let mut lost = &(&altered | &unreadable) | &again;
            lost.retain(|id| wanted.contains(id));
            sums.extend(lost.iter().filter_map(|id| Some((*id, known.get(id)?.clone()))));
            sums.retain(|id, _| wanted.contains(id));
            return Ok(Collected { sums, added, lost });
        }
        gone = again;
    }
    bail!("files are deleted faster than they are copied: try again when the server has less to do")
}

/// Says whether a backup is what it was, and puts aside what is not, so that the next one brings it anew.
async fn check(from: &Path) -> anyhow::Result<()> {
    let from = Archive::to_read(from)?;
    let manifest = manifest_of(&from)?;
    let checked = examine(&from, &manifest).await?;
    let (count, bad) = (checked.sums.len(), checked.bad.len());
    if bad > 0 {
        let next = match checked.bad.iter().try_for_each(|id| put_aside(&from, *id)) {
            Ok(()) => "the next backup into this folder brings them anew".into(),
            Err(error) => format!("and they stay as they are: {error:#}"),
        };
        bail!("{bad} of {count} objects are missing or damaged ({}); {next}", checked.bad_paths(&from));
    }
    let path = from.path().display();
    ensure!(
        manifest.missing.is_empty(),
        "{path} has all {count} objects that there were, and {} had been lost before: {}",
        manifest.missing.len(),
        manifest.missing.join(", ")
    );
    println!("{path} is whole: {count} objects and the database have their hashes.");
    Ok(())
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

/// A backup that was compared with its hashes.
struct Checked {
    /// The objects that should be in it.
    sums: BTreeMap<FileId, FileSum>,
    /// Those that are not.
    bad: Vec<FileId>,
    ring: Option<Ring>,
}

impl Checked {
    fn bad_paths(&self, from: &Archive) -> String {
        let path = |id: &FileId| mirror::path(&from.objects(), *id).display().to_string();
        self.bad.iter().map(path).collect::<Vec<_>>().join(", ")
    }
}

/// Compares everything with its hash.
///
/// # Errors
/// If what is one of a kind cannot be used: database, list, key ring.
async fn examine(from: &Archive, manifest: &Manifest) -> anyhow::Result<Checked> {
    let got = files::hash_file(&from.join(&manifest.database)).await?;
    ensure!(got == manifest.database_sha256, "{} is damaged", manifest.database);
    let mut sums = FileSum::read_list(&from.join(&manifest.objects))?;
    ensure!(sums.len() as u64 == manifest.count, "{} is cut", manifest.objects);
    let ring = match manifest.keys {
        true => Some(from.ring()?.context("the key ring is not in the backup after all")?),
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

fn manifest_of(from: &Archive) -> anyhow::Result<Manifest> {
    Manifest::read(from.path())?.with_context(|| format!("{} is no backup", from.path().display()))
}
