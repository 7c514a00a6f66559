//! `kinora backup` and `kinora restore`.
//!
//! A backup is a folder: a snapshot of the database, the object files that its rows name (sealed as they are), a list
//! of their SHA-256 and, written last and replaced at once, a manifest that names the two. Objects never change, so that
//! a later backup into the same folder adds only what is new. The server may keep running: a file that it deleted
//! after the snapshot is not in the next snapshot, which is taken then. A file that the next one names too is lost, and
//! the backup says so.
//!
//! Every file that is brought is compared with what was written (the tags of sealed files, the hashes of clear ones), so
//! that no damage of the store's disk gets into the list as truth. List and manifest have hashes themselves.

mod archive;
mod check;
mod collect;
mod database;
mod files;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod manifest;
mod repair;
mod restore;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, ensure};
use blob::mirror;
use model::FileId;
use seal::{KeyProvider, KeyRing, Ring};

pub(crate) use restore::restore;

use crate::cli::Backup;
use crate::config::Installation;
use crate::{control, folder, keys};
use archive::Archive;
use check::check;
use collect::{Known, collect};
use database::Source;
use files::{FileSum, list_of};
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
    // Missing requirements are reported before hours of copying.
    ring()?;
    let source = Source::open(address.as_deref(), data).await?;
    let store = store(&source, &data.join("objects")).await?;
    let to = Archive::to_write(&command.to)?;
    let before = Manifest::read(to.path())?;
    let turn = before.as_ref().map_or(0, |manifest| manifest.turn) + 1;
    let keys = keys_of(installation.provider())?;
    if keys.is_none() {
        eprintln!(
            "kinora: there is no key ring at {}, so that sealed files are copied and not compared with what was written",
            provider.path().display()
        );
    }
    let known = Known { data, sums: known(&to, before.as_ref()), keys };
    if let Some(before) = &before {
        refuse_anothers(before, &to, &source, store.as_deref()).await?;
    }
    let database = to.join(&source.engine().file(turn));
    let collected = collect(&source, &to, &database, &known).await?;
    let mut lost = Vec::new();
    for id in &collected.lost {
        let owner = pipeline::owner_of(source.db(), *id).await?;
        lost.push(format!("{id} ({owner})"));
    }
    let damaged = blob::known_damaged(source.db()).await?;
    source.close().await;
    // Keys that were made while it copied: the snapshot may have what is sealed under them.
    let ring = ring()?;

    let objects = manifest::list_of(turn);
    let list = FileSum::list(&collected.sums);
    folder::write_private(&to.join(&objects), list.as_bytes())?;
    let manifest = Manifest {
        format: manifest::FORMAT,
        kinora: env!("CARGO_PKG_VERSION").to_owned(),
        made: control::rfc3339(source.db().now()),
        turn,
        store,
        engine: source.engine(),
        database: source.engine().file(turn),
        database_sha256: files::hash_file(&database).await?,
        objects,
        objects_sha256: Some(files::hash(list.as_bytes())),
        count: collected.sums.len() as u64,
        bytes: collected.here().map(|(_, sum)| sum.bytes).sum(),
        keys: ring.is_some(),
        missing: collected.lost.iter().map(FileId::to_string).collect(),
        sha256: None,
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
    let healthy = damaged.iter().filter(|id| !collected.lost.contains(id)).count();
    if healthy > 0 {
        println!(
            "{healthy} stored files are damaged in {}, and whole in the backup: kinora restore --damaged {}",
            data.display(),
            to.path().display()
        );
    }
    ensure!(
        collected.lost.is_empty(),
        "{} stored files are lost or damaged in {}, and everything else is in the backup: {}",
        collected.lost.len(),
        data.display(),
        lost.join(", ")
    );
    Ok(())
}

/// The key ring, if it is where this process can read it.
fn keys_of(provider: KeyProvider) -> anyhow::Result<Option<KeyRing>> {
    match provider.load()? {
        Some(_) => Ok(Some(KeyRing::open(provider)?)),
        None => Ok(None),
    }
}

/// The id of the store that the database and the folder of its objects are of; `None` where it has none.
///
/// # Errors
/// If they belong to two stores.
async fn store(source: &Source, objects: &Path) -> anyhow::Result<Option<String>> {
    // The folder's first: a first start at the same time gives it to the folder last.
    let (there, store) = (blob::folder_id(objects)?, source.store().await?);
    ensure!(
        there.is_none() || there == store,
        "the files in {} are not those of this database: name the one that they belong to (--database, or the setting \
         `database`)",
        objects.display()
    );
    Ok(store)
}

/// The objects that the backup contains so far. If the list cannot be trusted, every object is read again.
fn known(to: &Archive, before: Option<&Manifest>) -> BTreeMap<FileId, FileSum> {
    let Some(before) = before else { return BTreeMap::new() };
    list_of(to, before).unwrap_or_else(|error| {
        eprintln!("kinora: {error:#}: every object in the backup is verified again");
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

/// Makes `manifest` the state of the backup. If that is interrupted, the ring that the manifest on disk promises is
/// there.
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
        println!("THE KEY RING IS INCLUDED: anybody with this folder can read everything.");
        return Ok(());
    }
    println!("The key ring is not included; without it, the files and secrets cannot be decrypted.");
    if !provider.load()?.map_or(Ok(true), |ring| provider.is_exported(&ring))? {
        println!("{}", keys::REMINDER);
    }
    Ok(())
}
