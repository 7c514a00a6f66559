//! Assets and their generations: a plan, and whether all of it is stored.

use std::sync::Arc;

use db::{Row, Tx, args};
use model::media::Source;
use model::plan::VERSION;
use model::title::State;
use model::{AssetId, Generation, Plan, Timestamp, TitleId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Catalogue, Error, Result, space, weight};

/// One encode of a title, as the origin needs it. Everything but completeness never changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Asset {
    /// Its id, the same for every encode of the title.
    pub id: AssetId,
    /// Which encode this is.
    pub generation: Generation,
    /// The title it belongs to.
    pub title: TitleId,
    /// The grid of the encode.
    pub plan: Plan,
    /// Description of the source.
    pub source: Source,
    /// Whether every chunk is stored and verified.
    pub complete: bool,
    /// The packager's measurements, once complete; their form belongs to `package`.
    pub measured: Option<Value>,
}

const INSERT: &str =
    "INSERT INTO generations (id, asset, title, plan, source, expected, stored, total_weight, weight,
        playable, complete, created_at, estimated_bytes)
    VALUES ($1, $2, $3, $4, $5, $6, 0, $7, 0, FALSE, FALSE, $8, $9)";

/// A complete generation stays shown until the next one is complete.
const SHOW_PLANNED: &str = "UPDATE titles SET asset = $2, generation = $3, ready = FALSE
    WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM generations g WHERE g.id = titles.generation AND g.complete)";

const SHOW_COMPLETE: &str = "UPDATE titles SET generation = $2, ready = TRUE WHERE id = $1";

const COMPLETE: &str =
    "UPDATE generations SET complete = TRUE, playable = TRUE, measured = $2, completed_at = $3
    WHERE id = $1 AND stored = expected AND NOT complete RETURNING title";

const STATUS: &str = "SELECT g.complete FROM generations g JOIN titles t ON t.id = g.title
    WHERE g.id = $1 AND g.asset = $2 AND t.deleted_at IS NULL";

const NEWEST: &str =
    "SELECT complete FROM generations WHERE title = $1 ORDER BY created_at DESC, id DESC LIMIT 1";

const READ: &str = "SELECT id, asset, title, plan, source, complete, measured FROM generations WHERE id = $1";

impl Catalogue {
    /// Keeps the plan of a title as a new generation when `tx` commits; the title is planned then, unless it was
    /// published before. The first plan also makes the asset.
    pub async fn add_generation(
        &self,
        tx: &mut Tx,
        now: Timestamp,
        title: TitleId,
        source: &Source,
        plan: &Plan,
    ) -> Result<(AssetId, Generation)> {
        if plan.version != VERSION {
            return Err(Error::PlanVersion { found: plan.version, known: VERSION });
        }
        let (expected, total_weight) = weight::total(plan);
        if expected == 0 {
            return Err(Error::EmptyPlan);
        }
        // Also locks the title: plans of one title follow each other.
        let touch =
            "UPDATE titles SET state = state WHERE id = $1 AND deleted_at IS NULL RETURNING state, asset";
        let row = tx.opt(touch, args![title]).await?.ok_or(Error::NoTitle { title })?;
        match row.get::<String>("state")?.as_str() {
            "encoding" | "published" => {}
            _ => self.advance(tx, title, State::Planned).await?,
        }
        let asset = row.get_opt("asset")?.unwrap_or_else(AssetId::new);
        let generation = Generation::new();
        let bytes = space::of_plan(plan).saturating_add(space::of_source(source));
        let (plan, source) = (json(plan), json(source));
        let args = args![generation, asset, title, plan, source, expected, total_weight, now, bytes];
        tx.execute(INSERT, args).await?;
        tx.execute(SHOW_PLANNED, args![title, asset, generation]).await?;
        Ok((asset, generation))
    }

    /// Every chunk is stored and verified: the generation is complete, shown, and its title published when `tx`
    /// commits. Being complete already is fine and changes nothing.
    pub async fn complete(
        &self,
        tx: &mut Tx,
        now: Timestamp,
        generation: Generation,
        measured: &impl Serialize,
    ) -> Result<()> {
        let measured = serde_json::to_string(measured)
            .map_err(|source| Error::Json { what: "measured figures", source })?;
        if let Some(row) = tx.opt(COMPLETE, args![generation, measured, now]).await? {
            let title: TitleId = row.get("title")?;
            tx.execute(SHOW_COMPLETE, args![title, generation]).await?;
            return self.advance(tx, title, State::Published).await;
        }
        let row = tx
            .opt("SELECT stored, expected, complete FROM generations WHERE id = $1", args![generation])
            .await?;
        let row = row.ok_or(Error::NoGeneration { generation })?;
        if row.get("complete")? {
            return Ok(());
        }
        Err(Error::Incomplete { generation, stored: row.get("stored")?, expected: row.get("expected")? })
    }

    /// Reads a generation of an asset; [`Error::NoGeneration`] when its title was deleted.
    pub async fn asset(&self, asset: AssetId, generation: Generation) -> Result<Arc<Asset>> {
        let status = self.db.opt(STATUS, args![generation, asset]).await?;
        let complete: bool = status.ok_or(Error::NoGeneration { generation })?.get("complete")?;
        if let Some(known) =
            runtime::lock(&self.assets).get(&generation).filter(|known| known.complete == complete)
        {
            return Ok(known);
        }
        let read = Arc::new(Asset::read(&self.db.one(READ, args![generation]).await?)?);
        runtime::lock(&self.assets).put(generation, read.clone());
        Ok(read)
    }

    /// Whether the newest encode of a title is not complete; older ones that never were are of no use any more.
    pub async fn newest_is_unfinished(&self, tx: &mut Tx, title: TitleId) -> Result<bool> {
        let newest = tx.opt(NEWEST, args![title]).await?;
        Ok(newest.map(|row| row.get("complete")).transpose()? == Some(false))
    }

    /// The same outside a transaction, for display only.
    pub async fn has_unfinished(&self, title: TitleId) -> Result<bool> {
        let newest = self.db.opt(NEWEST, args![title]).await?;
        Ok(newest.map(|row| row.get("complete")).transpose()? == Some(false))
    }

    /// Reads a generation for a change of its chunks; it may have been made by `tx` itself.
    pub(crate) async fn asset_in(&self, tx: &mut Tx, generation: Generation) -> Result<Arc<Asset>> {
        if let Some(known) = runtime::lock(&self.assets).get(&generation) {
            return Ok(known);
        }
        let row = tx.opt(READ, args![generation]).await?.ok_or(Error::NoGeneration { generation })?;
        let read = Arc::new(Asset::read(&row)?);
        runtime::lock(&self.assets).put(generation, read.clone());
        Ok(read)
    }
}

impl Asset {
    fn read(row: &Row) -> Result<Self> {
        let measured = row.get_opt::<String>("measured")?;
        Ok(Self {
            id: row.get("asset")?,
            generation: row.get("id")?,
            title: row.get("title")?,
            plan: plan_from(&row.get::<String>("plan")?)?,
            source: from("source", &row.get::<String>("source")?)?,
            complete: row.get("complete")?,
            measured: measured.map(|text| from("measured figures", &text)).transpose()?,
        })
    }
}

/// The part of a plan that every version has.
#[derive(Deserialize)]
struct Versioned {
    version: u16,
}

/// Reads a stored plan; another format is told from a broken one.
fn plan_from(text: &str) -> Result<Plan> {
    let Versioned { version } = from("plan", text)?;
    // Version 2 only adds caption tracks, which a plan of version 1 does not have.
    if !(1..=VERSION).contains(&version) {
        return Err(Error::PlanVersion { found: version, known: VERSION });
    }
    from("plan", text)
}

fn from<'a, T: Deserialize<'a>>(what: &'static str, text: &'a str) -> Result<T> {
    serde_json::from_str(text).map_err(|source| Error::Json { what, source })
}

/// Plans and sources are plain values with text keys.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain values are written as JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_of_another_format_is_told_from_a_broken_one() {
        let newer = plan_from(r#"{"version": 999, "future": true}"#);
        assert!(matches!(newer, Err(Error::PlanVersion { found: 999, known: VERSION })));
        assert!(matches!(plan_from(r#"{"version": 1}"#), Err(Error::Json { what: "plan", .. })));
        assert!(matches!(plan_from("no"), Err(Error::Json { .. })));
    }
}
