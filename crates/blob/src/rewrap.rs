//! After the key for media was rotated: files' keys are sealed again, the files stay as they are.

use db::args;
use seal::Renewed;

use crate::{Blob, Error, Result};

/// Keys in one transaction.
const BATCH: u32 = 500;

const OLD: &str = "SELECT id, dek, kek FROM files WHERE kek < $1 AND (kek, id) > ($2, $3)
    ORDER BY kek, id LIMIT $4";
const RENEW: &str = "UPDATE files SET dek = $2, kek = $3 WHERE id = $1 AND dek = $4";

impl Blob {
    /// Seals again, under the newest key, all files' keys that are not. One that does not open is logged, once, and holds
    /// up no other. Concurrent reads use the old key.
    pub async fn rewrap(&self) -> Result<Renewed> {
        let mut renewed = Renewed::default();
        let Some(newest) = self.disk.kek()? else { return Ok(renewed) };
        let mut after = (0_u32, String::new());
        loop {
            let rows = self.db.all(OLD, args![newest, after.0, &after.1, BATCH]).await?;
            let Some(last) = rows.last() else { return Ok(renewed) };
            after = (last.get("kek")?, last.get("id")?);
            let mut tx = self.db.begin().await?;
            for row in rows {
                let (id, old): (String, Vec<u8>) = (row.get("id")?, row.get("dek")?);
                match id.parse().map_err(Error::from).and_then(|file| self.disk.renew(file, &old)) {
                    Ok(new) => renewed.sealed += tx.execute(RENEW, args![id, new.dek, new.kek, old]).await?,
                    Err(error) => {
                        renewed.unopened += 1;
                        if self.unopened.add(&id) {
                            tracing::error!(file = id, error = %model::Chain(&error), "cannot decrypt a file's key");
                        }
                    }
                }
            }
            tx.commit().await?;
        }
    }
}
