//! Comparing the folder with the rows, without changing either, to check that everything is there.

use std::collections::BTreeSet;

use db::args;
use model::FileId;
use runtime::blocking;

use crate::{Blob, Result};

/// Result of a comparison. Files are counted, and the first few missing ones named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    /// Rows of files.
    pub files: u64,
    /// Rows whose file is not in the folder: their bytes are lost.
    pub missing: u64,
    /// Some of the missing files.
    pub named: Vec<String>,
    /// Files without a row, and half-written ones: an upload under way, or what a crash left for the sweeper.
    pub strays: u64,
}

/// How many missing files are named.
const NAMED: usize = 5;
const ROWS: &str = "SELECT id FROM files WHERE id > $1 ORDER BY id LIMIT 10000";
const ROW: &str = "SELECT id FROM files WHERE id = $1";

impl Blob {
    /// Compares names only, and reads no file. The store may be in use at the same time.
    pub async fn audit(&self) -> Result<Audit> {
        let mut audit = Audit::default();
        // First the folder: a file comes before its row and goes after it, so that a row from now on has its file
        // somewhere, and rows that were read too early are checked again.
        let (disk, clock) = (self.disk.clone(), self.db.clock().clone());
        let listed = blocking(move || -> Result<_> {
            let all: Result<Vec<_>> = (0..=255).map(|folder| disk.files(folder, clock.time())).collect();
            Ok((
                all?.into_iter().flatten().collect::<BTreeSet<_>>(),
                disk.half_written(clock.time())?.len() as u64,
            ))
        });
        let (mut there, temporary) = listed.await?;
        let mut after = String::new();
        loop {
            let rows = self.db.all(ROWS, args![&after]).await?;
            let Some(last) = rows.last() else { break };
            after = last.get("id")?;
            for row in rows {
                let id: FileId = row.get("id")?;
                audit.files += 1;
                if !there.remove(&id) && self.is_missing(id).await? {
                    audit.missing += 1;
                    if audit.named.len() < NAMED {
                        audit.named.push(id.to_string());
                    }
                }
            }
        }
        audit.strays = there.len() as u64 + temporary;
        Ok(audit)
    }

    /// Whether a file is not there and its row still is.
    async fn is_missing(&self, id: FileId) -> Result<bool> {
        let disk = self.disk.clone();
        if runtime::begin(move || disk.has(id)).await? {
            return Ok(false);
        }
        Ok(self.db.opt(ROW, args![id]).await?.is_some())
    }
}
