//! Copying what is in use: a snapshot of the database, and the objects that it names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::bail;
use model::FileId;
use seal::KeyRing;

use super::archive::Archive;
use super::database::Source;
use super::files::{FileSum, Kept, Wanted, keep};

/// Snapshots that are tried before giving up.
const TRIES: u32 = 10;

/// Facts known before files are copied.
pub(super) struct Known<'a> {
    /// The data folder.
    pub(super) data: &'a Path,
    /// The files that the backup contains so far.
    pub(super) sums: BTreeMap<FileId, FileSum>,
    /// The key ring that opens sealed files.
    pub(super) keys: Option<KeyRing>,
}

/// The objects that one snapshot names.
pub(super) struct Collected {
    /// Hashes of files in the backup, and of lost ones whose hashes are known.
    pub(super) sums: BTreeMap<FileId, FileSum>,
    pub(super) added: u64,
    /// Files that the store lost.
    pub(super) lost: BTreeSet<FileId>,
}

impl Collected {
    /// The objects that are in the backup.
    pub(super) fn here(&self) -> impl Iterator<Item = (&FileId, &FileSum)> {
        self.sums.iter().filter(|(id, _)| !self.lost.contains(id))
    }
}

/// Takes snapshot and objects.
pub(super) async fn collect(
    source: &Source,
    to: &Archive,
    database: &Path,
    known: &Known<'_>,
) -> anyhow::Result<Collected> {
    let mut sums: BTreeMap<FileId, FileSum> = BTreeMap::new();
    let (mut damaged, mut gone) = (BTreeSet::new(), BTreeSet::new());
    let mut added = 0;
    for _ in 0..TRIES {
        let wanted = source.snapshot(database).await?;
        let mut again = BTreeSet::new();
        for (id, row) in &wanted {
            if sums.contains_key(id) || damaged.contains(id) {
                continue;
            }
            let file = Wanted {
                row: row.clone(),
                from: known.data.join("objects"),
                into: to.objects(),
                known: known.sums.get(id).cloned(),
                keys: known.keys.clone(),
            };
            match keep(file).await? {
                Kept::Already(sum) => {
                    sums.insert(*id, sum);
                }
                Kept::New(sum) => {
                    sums.insert(*id, sum);
                    added += 1;
                }
                Kept::Gone => {
                    again.insert(*id);
                }
                Kept::Damaged => {
                    damaged.insert(*id);
                }
            }
        }
        // Files that the server deleted since a snapshot are not in the next one.
        if again.is_subset(&gone) {
            let mut lost = &damaged | &again;
            lost.retain(|id| wanted.contains_key(id));
            sums.extend(lost.iter().filter_map(|id| Some((*id, known.sums.get(id)?.clone()))));
            sums.retain(|id, _| wanted.contains_key(id));
            return Ok(Collected { sums, added, lost });
        }
        gone = again;
    }
    bail!("files are deleted faster than they are copied: retry when the server is less busy")
}
