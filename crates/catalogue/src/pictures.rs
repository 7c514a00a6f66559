//! Posters and storyboards: which there are, not their bytes.

use db::{Row, Tx, args};
use model::Generation;
use model::media::{Stills, Storyboard};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Catalogue, Error, Result};

impl Catalogue {
    /// Keeps which widths of posters are stored, when `tx` commits.
    pub async fn add_posters(&self, tx: &mut Tx, generation: Generation, widths: &[u32]) -> Result<()> {
        let sql = "UPDATE generations SET posters = $2 WHERE id = $1";
        add(tx, sql, generation, &widths).await
    }

    /// Keeps which widths of the first posters are stored, when `tx` commits: they are shown until there are others.
    pub async fn add_first_posters(&self, tx: &mut Tx, generation: Generation, widths: &[u32]) -> Result<()> {
        let sql = "UPDATE generations SET first_posters = $2 WHERE id = $1";
        add(tx, sql, generation, &widths).await
    }

    /// Keeps what the stored storyboard is like, when `tx` commits.
    pub async fn add_storyboard(
        &self,
        tx: &mut Tx,
        generation: Generation,
        storyboard: &Storyboard,
    ) -> Result<()> {
        let sql = "UPDATE generations SET storyboard = $2 WHERE id = $1";
        add(tx, sql, generation, storyboard).await
    }

    /// Which pictures there are of a generation; none of one that is not there. Those of the shown generation come
    /// with every [`crate::Title`].
    pub async fn stills(&self, generation: Generation) -> Result<Stills> {
        let sql = "SELECT posters, first_posters, storyboard FROM generations WHERE id = $1";
        let row = self.db.opt(sql, args![generation]).await?;
        row.as_ref().map_or_else(|| Ok(Stills::default()), read)
    }
}

/// Reads the columns `posters`, `first_posters` and `storyboard`.
pub(crate) fn read(row: &Row) -> Result<Stills> {
    let posters: Vec<u32> = column(row, "posters")?.unwrap_or_default();
    let first: Vec<u32> = column(row, "first_posters")?.unwrap_or_default();
    let storyboard = column(row, "storyboard")?;
    let are_first = posters.is_empty() && !first.is_empty();
    Ok(Stills { posters: if are_first { first } else { posters }, are_first, storyboard })
}

fn column<T: DeserializeOwned>(row: &Row, name: &str) -> Result<Option<T>> {
    let text: Option<String> = row.get_opt(name)?;
    let value = text.map(|text| serde_json::from_str(&text)).transpose();
    value.map_err(|source| Error::Json { what: "facts of pictures", source })
}

async fn add(tx: &mut Tx, sql: &'static str, generation: Generation, facts: &impl Serialize) -> Result<()> {
    let facts =
        serde_json::to_string(facts).map_err(|source| Error::Json { what: "facts of pictures", source })?;
    match tx.execute(sql, args![generation, facts]).await? {
        0 => Err(Error::NoGeneration { generation }),
        _ => Ok(()),
    }
}
