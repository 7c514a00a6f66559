//! `kinora backup` and `kinora restore`.
//!
//! A backup is a folder: a snapshot of the database, the object files that its rows name (sealed as they are), a list
//! of their SHA-256 and, written last and replaced at once, a manifest that names the two. Objects never change, so that
//! a later backup into the same folder adds only what is new. The server may run meanwhile: a file that it deleted
//! after the snapshot is not in the next snapshot, which is taken then. A file that the next one names too is lost, and
//! the backup says so.

mod archive;
mod check;
mod collect;
mod database;
mod files;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod manifest;
mod restore;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, ensure};
use blob::mirror;
use model::FileId;
use seal::{KeyProvider, Ring};

pub(crate) use restore::restore;

use crate::cli::Backup;
use crate::config::Installation;
use crate::keys;
use archive::Archive;
use check::check;
use collect::collect;
use database::Source;
use files::FileSum;
use manifest::Manifest;

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
    let store = store(&source, &data.join("objects")).await?;
    let to = Archive::to_write(&command.to)?;
    let before = Manifest::read(to.path())?;
    let turn = before.as_ref().map_or(0, |manifest| manifest.turn) + 1;
    let known = known(&to, before.as_ref());
    if let Some(before) = &before {
        refuse_anothers(before, &to, &source, store.as_deref()).await?;
    }
    let database = to.join(&source.engine().file(turn));
    let collected = collect(&source, data, &to, &database, &known).await?;
    source.close().await;
    // Keys that were made while it copied: the snapshot may have what is sealed under them.
    let ring = ring()?;

    let objects = manifest::list_of(turn);
    FileSum::write_list(&to.join(&objects), &collected.sums)?;
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
        count: collected.sums.len() as u64,
        bytes: collected.here().map(|(_, sum)| sum.bytes).sum(),
        keys: ring.is_some(),
        missing: collected.lost.iter().map(FileId::to_string).collect(),
    };
    publish(&to, &manifest, ring.as_ref())?;
    to.prune(&manifest, &collected.here().map(|(id, _)| *id).collect(), &collected.lost)?;
    println!(
        "{}: {} objects, {}; {} objects were new.",
        to.path().display(),
        collected.here().count(),
        model::ByteSize(manifest.bytes),
        collected.added
    );
    print_keys(ring.is_some(), &provider)?;
    ensure!(
        collected.lost.is_empty(),
        "{} stored files are lost or damaged in {}, and everything else is in the backup: {}",
        collected.lost.len(),
        data.display(),
        manifest.missing.join(", ")
    );
    Ok(())
}

/// The id of the store that the database and the folder of its objects are of; `None` where it has none.
///
/// # Errors
/// If they belong to two stores.
async fn store(source: &Source, objects: &Path) -> anyhow::Result<Option<String>> {
    // The folder's first: a first start meanwhile gives it to the folder last.
    let (there, store) = (blob::folder_id(objects)?, source.store().await?);
    ensure!(
        there.is_none() || there == store,
        "the files in {} are not those of this database: name the one that they belong to (--database, or the setting \
         `database`)",
        objects.display()
    );
    Ok(store)
}

/// What the objects of the backup so far are. A list that cannot be read heals: every object is brought and hashed anew.
fn known(to: &Archive, before: Option<&Manifest>) -> BTreeMap<FileId, FileSum> {
    let Some(before) = before else { return BTreeMap::new() };
    FileSum::read_list(&to.join(&before.objects)).unwrap_or_else(|error| {
        eprintln!("kinora: {error:#}: all objects are brought anew");
        BTreeMap::new()
    })
}

/// Refuses to replace the backup of another installation, which would be lost.
async fn refuse_anothers(
    before: &Manifest,
    to: &Archive,
    source: &Source,
    store: Option<&str>,
) -> anyhow::Result<()> {
    let (same, whose) = match before.store.as_deref() {
        Some(its) => (store == Some(its), "is another installation's"),
        None => {
            // Its list may be the one thing in it that is damaged.
            let has = |id: &FileId| mirror::path(&to.objects(), *id).exists();
            let same = before.count == 0 || source.files().await?.iter().any(has);
            (same, "has none of this installation's files, so that it may be another installation's")
        }
    };
    ensure!(
        same,
        "the backup in {} {whose}, and would be lost: name another folder, or the database that this one is of \
         (--database)",
        to.path().display()
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

/// Says where the keys are without which the backup is of no use.
fn print_keys(is_in_it: bool, provider: &KeyProvider) -> anyhow::Result<()> {
    if is_in_it {
        println!("THE KEY RING IS IN IT: whoever gets this folder can read everything.");
        return Ok(());
    }
    println!("The key ring is not in it, and without the key ring its files and secrets cannot be opened.");
    if !provider.load()?.map_or(Ok(true), |ring| provider.is_exported(&ring))? {
        println!("{}", keys::REMINDER);
    }
    Ok(())
}
