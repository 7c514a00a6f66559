//! Posters in pages: signed addresses that stay the same for an hour, so that browsers keep the pictures.

use catalogue::Title;
use http_face::ApiError;
use serde::Serialize;

use crate::Site;

/// A poster as an `<img>` names it; a browser takes the smallest that is large enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Poster {
    /// The smallest.
    pub(crate) src: String,
    /// All, each with its width.
    pub(crate) srcset: String,
}

/// The poster of a title that the visitor may see; `None` until there is one. `origin` is the page's scheme and host.
pub(crate) async fn of(site: &Site, title: &Title, origin: &str) -> Result<Option<Poster>, ApiError> {
    let now = site.now();
    let mut sizes = Vec::with_capacity(title.stills.posters.len());
    for width in &title.stills.posters {
        let file = format!("poster/{width}.jpg");
        let signed = site.playback().picture(title, &file, origin, now).await.map_err(ApiError::internal)?;
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
