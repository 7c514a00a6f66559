//! Posters: signed addresses that stay the same for an hour, so that browsers keep the pictures.

use catalogue::Title;
use http_face::ApiError;
use playback::Viewing;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Api, Caller};

/// A poster as an `<img>` names it; a browser takes the smallest that is large enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Poster {
    /// The URL of the smallest.
    pub src: String,
    /// All URLs, each with its width.
    pub srcset: String,
}

/// The poster of a title that the caller may see; `None` until there is one, and for the command line. `origin` is the
/// page's scheme and host.
///
/// # Errors
/// If the database cannot be read.
pub async fn of(api: &Api, title: &Title, caller: &Caller, origin: &str) -> Result<Option<Poster>, ApiError> {
    if caller.is_host() {
        return Ok(None);
    }
    let viewing = Viewing { who: &caller.who, origin, asked_at: caller.asked_at };
    let mut sizes = Vec::with_capacity(title.stills.posters.len());
    for width in &title.stills.posters {
        let file = title.stills.poster(*width);
        let signed =
            api.parts().playback.picture(title, &file, &viewing).await.map_err(ApiError::internal)?;
        sizes.extend(signed.map(|address| (*width, address)));
    }
    Ok(choices(&sizes))
}

/// Of addresses by width, ascending.
fn choices(sizes: &[(u32, String)]) -> Option<Poster> {
    let src = sizes.first()?.1.clone();
    let srcset: Vec<String> = sizes.iter().map(|(width, address)| format!("{address} {width}w")).collect();
    Some(Poster { src, srcset: srcset.join(", ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_is_for_browsers_that_cannot_choose() {
        let sizes = vec![(320, "/a".to_owned()), (640, "/b".to_owned())];
        let poster = choices(&sizes).unwrap();
        assert_eq!(poster.src, "/a");
        assert_eq!(poster.srcset, "/a 320w, /b 640w");
        assert_eq!(choices(&[]), None);
    }
}
