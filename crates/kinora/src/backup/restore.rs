//! `kinora restore`: looks at everything first, then writes.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use seal::KeyProvider;

use super::archive::{self, Archive};
use super::check::{Checked, examine, manifest_of};
use super::database::Empty;
use super::files::{self, bring};
use super::manifest::{Engine, Manifest};
use super::repair::repair;
use crate::cli::Restore;
use crate::config::Installation;
use crate::folder::Folder;
use crate::keys;

/// Makes a data folder.
pub(crate) async fn restore(command: Restore) -> anyhow::Result<()> {
    if command.damaged {
        return repair(&command).await;
    }
    let installation = Installation::of(&command.server)?;
    let (data, keys) = (&installation.data, installation.provider());
    let address = Installation::database(&command.server, command.database)?;
    let from = Archive::to_read(&command.from)?;
    let manifest = manifest_of(&from)?;
    ensure!(
        !archive::has_any(data)?,
        "{} is not empty: restore into a new folder with --data DIR, nothing is overwritten",
        data.display()
    );
    let database = match (manifest.engine, address.as_deref()) {
        (Engine::Sqlite, None) => None,
        (Engine::Sqlite, Some(_)) => bail!(
            "this is a backup of an SQLite database, which goes into the data folder: leave out --database, and \
             `database` in the settings"
        ),
        (Engine::Postgres, None) => {
            bail!("this is a backup of a PostgreSQL database: give an empty one with --database")
        }
        (Engine::Postgres, Some(address)) => Some(Empty::find(address, from.join(&manifest.database)).await?),
    };
    let checked = examine(&from, &manifest).await?;
    ensure!(
        checked.bad.is_empty(),
        "{} of {} objects are missing or damaged: {}",
        checked.bad.len(),
        checked.sums.len(),
        checked.bad_paths(&from)
    );
    if let Some(ring) = &checked.ring {
        ensure!(
            keys::has_place_for(&keys, ring)?,
            "cannot write the key ring of the backup to {}: there is another one, or it is provided from outside",
            keys.path().display()
        );
    }
    let filled = fill(data, &keys, &from, &manifest, &checked, database).await;
    filled
        .with_context(|| format!("the restore was interrupted: empty {} before you retry", data.display()))?;
    println!("{}: {} objects.", data.display(), checked.sums.len());
    if !manifest.missing.is_empty() {
        println!("Lost before the backup was made, and not in it: {}", manifest.missing.join(", "));
    }
    let place = match &command.server.config {
        Some(file) => format!("--config {}", file.display()),
        None => format!("--data {}", data.display()),
    };
    if checked.ring.is_some() {
        println!("The key ring was in the backup: {}.", keys.path().display());
    } else {
        println!("Now restore the key ring: kinora key import FILE {place}");
    }
    Ok(())
}

async fn fill(
    data: &Path,
    keys: &KeyProvider,
    from: &Archive,
    manifest: &Manifest,
    checked: &Checked,
    database: Option<Empty>,
) -> anyhow::Result<()> {
    let folder = Folder::open(data)?;
    for (id, sum) in &checked.sums {
        bring(*id, from.objects(), folder.join("objects"), sum).await?;
    }
    match database {
        Some(empty) => empty.load().await?,
        None => files::copy_file(from.join(&manifest.database), folder.join("kinora.db")).await?,
    }
    if let Some(ring) = &checked.ring {
        keys::add(keys, ring)?;
    }
    archive::sync_tree(folder.path())
}
