//! `kinora restore --damaged`: brings stored files that are lost or damaged back from a backup, and nothing else.

use std::collections::BTreeSet;

use anyhow::ensure;
use blob::{Verdict, mirror};

use super::archive::Archive;
use super::check::manifest_of;
use super::database::Source;
use super::files::{list_of, look};
use crate::cli::Restore;
use crate::config::Installation;

/// Replaces what is known to be damaged and what is missing, also while the server runs: a file takes the place of another
/// at once, and only if it is what was written.
pub(super) async fn repair(command: &Restore) -> anyhow::Result<()> {
    let installation = Installation::of(&command.server)?;
    let address = Installation::database(&command.server, command.database.clone())?;
    let keys = super::keys_of(installation.provider())?;
    let from = Archive::to_read(&command.from)?;
    let manifest = manifest_of(&from)?;
    let source = Source::open(address.as_deref(), &installation.data).await?;
    let store = source.store().await?;
    ensure!(
        manifest.store.is_none() || manifest.store == store,
        "the backup in {} belongs to another installation",
        from.path().display()
    );
    // A damaged list is no reason to restore nothing: each file can be verified by itself.
    let listed = list_of(&from, &manifest).ok();
    let objects = installation.data.join("objects");
    let rows = source.rows().await?;
    let known: BTreeSet<_> = blob::known_damaged(source.db()).await?.into_iter().collect();
    let (mut brought, mut left) = (0_u64, Vec::new());
    for (id, file) in &rows {
        let is_lost = !mirror::path(&objects, *id).exists();
        if !is_lost && !known.contains(id) {
            continue;
        }
        let (row, keys, id) = (file.clone(), keys.clone(), *id);
        let (way, listed) =
            ((from.objects(), objects.clone()), listed.as_ref().and_then(|list| list.get(&id)).cloned());
        let brought_back = runtime::begin(move || {
            mirror::bring_checked(id, &way.0, &way.1, |path| {
                let looked = look(&row, path, keys.as_ref())?;
                let listed =
                    listed.is_some_and(|listed| listed.verified && listed.sha256 == looked.sum.sha256);
                let is_whole =
                    looked.verdict == Verdict::Whole || (looked.verdict == Verdict::Unknown && listed);
                Ok((is_whole, is_whole))
            })
        });
        let is_whole = match brought_back.await? {
            Ok(brought) => brought.unwrap_or(false),
            Err(blob::Error::Unreadable { .. }) => false,
            Err(error) => return Err(error.into()),
        };
        if is_whole {
            blob::forget_damage(source.db(), id).await?;
            brought += 1;
        } else {
            let of = pipeline::owner_of(source.db(), id)
                .await
                .map_or_else(|_| String::new(), |of| format!(" ({of})"));
            left.push(format!("{id}{of}"));
        }
    }
    source.close().await;
    println!("{brought} stored files were restored from {}.", from.path().display());
    ensure!(
        left.is_empty(),
        "{} files are damaged or missing in the backup as well, and stay as they are: {}. Encodes can be recreated with \
         `kinora title reencode`",
        left.len(),
        left.join(", ")
    );
    if brought == 0 {
        println!("No file was known to be damaged or missing. `kinora doctor --deep` checks every byte.");
    }
    Ok(())
}
