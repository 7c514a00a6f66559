//! `kinora backup` and `kinora restore`.
//!
//! A backup is a folder: a snapshot of the database, the object files that its rows name (sealed as they are), a list
//! of their SHA-256 and, written last and replaced at once, a manifest that names the two. Objects never change, so that
//! a later backup into the same folder adds only what is new. The server may run meanwhile: a file that it deleted
//! after the snapshot is not in the next snapshot, which is taken then.

mod database;
mod files;
mod manifest;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail, ensure};

use crate::cli::{Backup, Restore};
use crate::folder::{self, Folder};
use crate::keys;
use database::Source;
use files::{FileSum, bring, objects_path};
use manifest::{Engine, Manifest};

/// Snapshots that are tried before giving up.
const TRIES: u32 = 10;
/// Where a backup keeps the ring, if it is to have it.
const RING: &str = "keys/ring";

/// Copies the installation.
pub(crate) async fn backup(command: Backup) -> anyhow::Result<()> {
    let to = &command.to;
    if command.check {
        let manifest = Manifest::read(to)?.with_context(|| format!("{} is no backup", to.display()))?;
        let count = check(to, &manifest).await?;
        println!("{} is whole: {count} objects and the database have their hashes.", to.display());
        return Ok(());
    }
    let data = &command.ring.server.data;
    let before = Manifest::read(to)?;
    let strange = before.is_none() && files::has_other(to)?;
    ensure!(!strange, "{} has something else in it: choose an empty folder", to.display());
    files::make_folder(to)?;
    let source = Source::open(command.database.as_deref(), data).await?;
    let known = match &before {
        Some(manifest) => FileSum::read_list(&to.join(&manifest.objects))?,
        None => BTreeMap::new(),
    };
    let turn = before.as_ref().map_or(0, |manifest| manifest.turn) + 1;
    let database = to.join(source.engine().file(turn));
    let (sums, added) = collect(&source, data, to, &database, &known).await?;
    source.close().await;

    let objects = format!("objects-{turn}.sha256");
    FileSum::write_list(&to.join(&objects), &sums)?;
    let manifest = Manifest {
        format: manifest::FORMAT,
        kinora: env!("CARGO_PKG_VERSION").to_owned(),
        made: jiff::Timestamp::now().to_string(),
        turn,
        engine: source.engine(),
        database: source.engine().file(turn),
        database_sha256: files::hash_file(&database).await?,
        objects,
        count: sums.len() as u64,
        bytes: sums.values().map(|sum| sum.bytes).sum(),
        keys: command.with_keys,
    };
    let provider = keys::provider(command.ring.keys.as_deref(), data);
    if command.with_keys {
        let ring = provider.load()?.context("there is no key ring to put into the backup")?;
        files::make_folder(&to.join("keys"))?;
        folder::write_private(&to.join(RING), ring.to_bytes().expose())?;
    }
    manifest.write(to)?;
    files::prune(to, before.as_ref(), &manifest, &sums)?;
    println!(
        "{}: {} objects, {} bytes; {added} objects were new.",
        to.display(),
        manifest.count,
        manifest.bytes
    );
    if command.with_keys {
        println!("THE KEY RING IS IN IT: whoever gets this folder can read everything.");
    } else {
        println!("The key ring is not in it, and without the key ring it cannot be read.");
        if !provider.load()?.map_or(Ok(true), |ring| provider.is_exported(&ring))? {
            println!("{}", keys::REMINDER);
        }
    }
    Ok(())
}

/// Snapshot and objects; answers the hashes of all objects and how many were new.
async fn collect(
    source: &Source,
    data: &Path,
    to: &Path,
    database: &Path,
    known: &BTreeMap<String, FileSum>,
) -> anyhow::Result<(BTreeMap<String, FileSum>, u64)> {
    let mut sums: BTreeMap<String, FileSum> = BTreeMap::new();
    let mut added = 0;
    for _ in 0..TRIES {
        let wanted = source.snapshot(database).await?;
        let mut missing = false;
        for id in &wanted {
            if sums.contains_key(id) {
                continue;
            }
            let from = objects_path(&data.join("objects"), id)?;
            let into = objects_path(&to.join("objects"), id)?;
            match files::keep(from, into, known.get(id).cloned()).await? {
                Some((sum, new)) => {
                    sums.insert(id.clone(), sum);
                    added += u64::from(new);
                }
                None => missing = true,
            }
        }
        if !missing {
            sums.retain(|id, _| wanted.contains(id));
            return Ok((sums, added));
        }
    }
    bail!("files that the database names are not there: look at `kinora doctor`, is the disk whole?")
}

/// Compares everything with its hash; answers the number of objects.
async fn check(from: &Path, manifest: &Manifest) -> anyhow::Result<u64> {
    let got = files::hash_file(&from.join(&manifest.database)).await?;
    ensure!(got == manifest.database_sha256, "{} is damaged", manifest.database);
    let sums = FileSum::read_list(&from.join(&manifest.objects))?;
    ensure!(sums.len() as u64 == manifest.count, "{} is cut", manifest.objects);
    let mut bad = Vec::new();
    for (id, sum) in &sums {
        let path = objects_path(&from.join("objects"), id)?;
        match files::hash_file(&path).await {
            Ok(got) if got == sum.sha256 => {}
            _ => bad.push(path.display().to_string()),
        }
    }
    ensure!(
        bad.is_empty(),
        "{} of {} objects are missing or damaged: {}",
        bad.len(),
        sums.len(),
        bad.join(", ")
    );
    Ok(manifest.count)
}

/// Makes a data folder.
pub(crate) async fn restore(command: Restore) -> anyhow::Result<()> {
    let (from, data) = (&command.from, &command.server.data);
    let manifest = Manifest::read(from)?.with_context(|| format!("{} is no backup", from.display()))?;
    ensure!(
        !files::has_any(data)?,
        "{} is not empty: restore into a new folder with --data DIR, nothing is overwritten",
        data.display()
    );
    check(from, &manifest).await?;
    let folder = Folder::open(data)?;
    let sums = FileSum::read_list(&from.join(&manifest.objects))?;
    for (id, sum) in &sums {
        let into = objects_path(&folder.join("objects"), id)?;
        bring(objects_path(&from.join("objects"), id)?, into, sum).await?;
    }
    match manifest.engine {
        Engine::Sqlite => {
            let (snapshot, place) = (from.join(&manifest.database), folder.join("kinora.db"));
            files::copy_file(snapshot, place).await?;
        }
        Engine::Postgres => {
            database::load(&from.join(&manifest.database), command.database.as_deref()).await?
        }
    }
    files::sync_tree(folder.path())?;
    println!("{}: {} objects.", data.display(), manifest.count);
    if manifest.keys {
        let ring = std::fs::read(from.join(RING)).context("the key ring is not in the backup after all")?;
        files::make_folder(&folder.join("keys"))?;
        folder::write_private(&folder.join(RING), &zeroize::Zeroizing::new(ring))?;
        println!("The key ring came with it. Start with: kinora up --data {}", data.display());
    } else {
        println!("Now bring the key ring back: kinora key import FILE --data {}", data.display());
    }
    Ok(())
}
