//! The cover that a song's file carries, as its poster.

use super::{Poster, Studio, WIDTHS, filter, jpeg_file, poster, to_jpeg};
use crate::argv::SCALER;
use crate::run::{Arg, Name};
use crate::{Look, Result};

/// Makes posters of a song's cover, narrowest first; none where the file has none that can be decoded.
///
/// # Errors
/// Errors of a run that are not caused by the file.
pub async fn cover(look: Look<'_>) -> Result<Vec<Poster>> {
    let studio = Studio::new(look.runner, look.input(), look.scratch, "cover-run").await?;
    let mut after = vec![];
    for width in WIDTHS {
        let scale = Arg::of(&[&"scale='min(", &width, &",iw)':-2:flags=", &SCALER, &",setsar=1"]);
        after.extend(["-map", "0:v:0"].map(Arg::from));
        after.extend(filter(&[scale, to_jpeg()]));
        after.extend(jpeg_file(&Name::new(&poster::file(width))));
    }
    // Most songs have none, which ffmpeg takes for a failure.
    studio.run(after).await?;
    poster::kept(&studio, &WIDTHS, true).await
}
