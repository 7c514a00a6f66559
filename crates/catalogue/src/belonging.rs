//! The owners of stored objects: titles, uploads.

use db::{Db, Row, args};
use model::{Generation, ObjectId, TitleId};

use crate::Result;

const OF_GENERATION: &str =
    "SELECT t.id, t.name FROM generations g JOIN titles t ON t.id = g.title WHERE g.id = $1";
const OF_SOURCE: &str = "SELECT id, name FROM titles WHERE source_object = $1";

/// Id and name of the title that a generation is of; `None` also where there are no titles yet.
pub async fn title_of_generation(db: &Db, generation: Generation) -> Result<Option<(TitleId, String)>> {
    if !db.has_table("generations").await? {
        return Ok(None);
    }
    db.opt(OF_GENERATION, args![generation]).await?.as_ref().map(read).transpose()
}

/// Id and name of the title that was made of an uploaded object; `None` also where there are no titles yet.
pub async fn title_of_source(db: &Db, object: ObjectId) -> Result<Option<(TitleId, String)>> {
    if !db.has_table("titles").await? {
        return Ok(None);
    }
    db.opt(OF_SOURCE, args![object]).await?.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<(TitleId, String)> {
    Ok((row.get("id")?, row.get("name")?))
}
