//! After the key for media was rotated: files' keys are sealed again, the files stay as they are.

use db::args;

use crate::{Blob, Result};

/// Keys in one transaction.
const BATCH: u32 = 500;

const OLD: &str = "SELECT id, dek FROM files WHERE kek < $1 ORDER BY kek, id LIMIT $2";
const RENEW: &str = "UPDATE files SET dek = $2, kek = $3 WHERE id = $1 AND dek = $4";

impl Blob {
    /// Seals again, under the newest key, all files' keys that are not; answers how many. What is read meanwhile
    /// is read with the old key.
    ///
    /// # Errors
    /// [`crate::Error::Keys`] if the ring lacks a key that a file needs.
    pub async fn rewrap(&self) -> Result<u64> {
        let Some(kek) = self.disk.kek()? else { return Ok(0) };
        let mut count = 0;
        loop {
            let rows = self.db.all(OLD, args![kek, BATCH]).await?;
            if rows.is_empty() {
                return Ok(count);
            }
            let mut tx = self.db.begin().await?;
            for row in rows {
                let (id, old): (String, Vec<u8>) = (row.get("id")?, row.get("dek")?);
                let new = self.disk.renew(id.parse()?, &old)?;
                count += tx.execute(RENEW, args![id, new.dek, new.kek, old]).await?;
            }
            tx.commit().await?;
        }
    }
}
