//! The rows of stored files, and deleting the files that nothing uses any more.

use db::{Sql, Tx, args, sql};
use model::FileId;
use runtime::blocking;

use crate::disk::{Deleted, Stored};
use crate::{Blob, Result};

/// Writes the row of a stored file; `md5` is that of its plaintext.
pub(crate) async fn insert_file(tx: &mut Tx, file: &Stored, bytes: u64, md5: Option<&[u8]>) -> Result<()> {
    let (dek, kek) = file.key.as_ref().map(|key| (key.dek.clone(), key.kek)).unzip();
    let sql = "INSERT INTO files (id, bytes, dek, kek, md5) VALUES ($1, $2, $3, $4, $5)";
    tx.execute(sql, args![file.id, bytes, dek, kek, md5.map(<[u8]>::to_vec)]).await?;
    Ok(())
}

const DROP: Sql = sql!(
    "DELETE FROM files WHERE id IN " [EACH "$1"] "
    AND NOT EXISTS (SELECT 1 FROM parts p WHERE p.file = files.id)
    AND NOT EXISTS (SELECT 1 FROM upload_parts u WHERE u.file = files.id) RETURNING id"
);

/// Deletes the rows of those `files` that nothing uses; answers which, to be deleted on disk after the commit.
pub(crate) async fn drop_files(tx: &mut Tx, files: &[String]) -> Result<Vec<FileId>> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let list = serde_json::Value::from(files).to_string();
    let rows = tx.all(tx.pick(DROP), args![list]).await?;
    Ok(rows.iter().map(|row| row.get("id")).collect::<db::Result<_>>()?)
}

impl Blob {
    /// Deletes files whose rows are gone, but for those that are still read. What those, a crash and a failure leave over
    /// is found by `sweep_disk`.
    pub(crate) async fn delete_files(&self, mut files: Vec<FileId>) -> Result<Deleted> {
        files.retain(|file| !self.pins.keep(*file));
        self.opened.close_old(|file| files.contains(&file));
        let disk = self.disk.clone();
        blocking(move || Ok(disk.delete(&files))).await
    }

    /// The same for callers whose task is done: a failure is logged, and `sweep_disk` finds the files.
    pub(crate) async fn clean_up(&self, files: Vec<FileId>) {
        if let Err(error) = self.delete_files(files).await {
            tracing::warn!(error = %model::Chain(&error), "cannot delete unused files yet");
        }
    }
}
