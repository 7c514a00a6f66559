//! Where workers hand in posters and storyboards. A title is as good without them.

use blob::{By, New, Staged};
use db::Tx;
use jobs::Lease;
use model::BucketName;
use model::media::Storyboard;
use serde_json::json;

use crate::work::OfPictures;
use crate::{Pipeline, Result, media_key};

/// Pictures that were made of a source; their bytes are staged in the store.
pub enum Stills {
    /// Posters of its beginning, for the time until there are better ones; none where it shows nothing yet.
    First(Vec<(u32, Staged)>),
    /// JPEG files by their width in pixels; none where the title has no picture.
    Posters(Vec<(u32, Staged)>),
    /// The storyboard's layout, and its sheets in order; `None` if none can be made.
    Storyboard(Option<(Storyboard, Vec<Staged>)>),
}

impl Pipeline {
    /// Pictures are made: they get their names and are shown from now on.
    pub async fn pictures_made(&self, lease: &Lease, of: &OfPictures, made: Stills) -> Result<()> {
        let count = match &made {
            Stills::First(posters) | Stills::Posters(posters) => posters.len(),
            Stills::Storyboard(board) => board.as_ref().map_or(0, |(_, sheets)| sheets.len()),
        };
        let mut tx = self.db.begin().await?;
        self.jobs.complete(&mut tx, self.db.now(), lease, Some(&json!({ "files": count }))).await?;
        match made {
            Stills::First(posters) => {
                let widths = self.keep_posters(&mut tx, of, posters, true).await?;
                self.catalogue.add_first_posters(&mut tx, of.generation, &widths).await?;
            }
            Stills::Posters(posters) => {
                let widths = self.keep_posters(&mut tx, of, posters, false).await?;
                self.catalogue.add_posters(&mut tx, of.generation, &widths).await?;
            }
            Stills::Storyboard(Some((facts, sheets))) => {
                for (n, bytes) in sheets.into_iter().enumerate() {
                    self.keep(&mut tx, of, &format!("storyboard/{n}.jpg"), bytes).await?;
                }
                self.catalogue.add_storyboard(&mut tx, of.generation, &facts).await?;
            }
            Stills::Storyboard(None) => {}
        }
        self.settle(&mut tx, of.title).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Gives posters their names, and answers their widths.
    async fn keep_posters(
        &self,
        tx: &mut Tx,
        of: &OfPictures,
        posters: Vec<(u32, Staged)>,
        are_first: bool,
    ) -> Result<Vec<u32>> {
        let named = model::media::Stills { are_first, ..model::media::Stills::default() };
        let widths = posters.iter().map(|(width, _)| *width).collect();
        for (width, bytes) in posters {
            self.keep(tx, of, &named.poster(width), bytes).await?;
        }
        Ok(widths)
    }

    async fn keep(&self, tx: &mut Tx, of: &OfPictures, name: &str, bytes: Staged) -> Result<()> {
        let key = media_key(of.asset, of.generation, name);
        self.blob.commit_in(tx, bytes, New::named(BucketName::media(), key, By::Kinora)).await?;
        Ok(())
    }
}
