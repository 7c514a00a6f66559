//! Copying what is in use: a snapshot of the database, and the objects that it names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::bail;
use model::FileId;

use super::archive::Archive;
use super::database::Source;
use super::files::{FileSum, Kept, keep};

/// Snapshots that are tried before giving up.
const TRIES: u32 = 10;

/// The objects that one snapshot names.
pub(super) struct Collected {
    /// Of those that are in the backup, and of those lost ones of which it is known what they were.
    pub(super) sums: BTreeMap<FileId, FileSum>,
    pub(super) added: u64,
    /// Those that the store lost.
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
