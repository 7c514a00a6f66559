//! The home page: what there is to watch, and where uploads stand.

use api::posters;
use api::titles::{self, Wanted};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Uri};
use http_face::{ApiError, take};
use identity::Action;
use model::TitleId;

use crate::page::{Frame, render};
use crate::titles::Tile;
use crate::visitor::Visitor;
use crate::{Site, resume};

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    frame: &'a Frame,
    /// Titles that the visitor started to watch.
    begun: Vec<Tile>,
    tiles: Vec<Tile>,
    next: Option<TitleId>,
    /// Whether to keep asking how far things are.
    live: bool,
    guest: bool,
    /// Whether the visitor can put something in.
    uploads: bool,
    s3_url: String,
}

/// `GET /`
pub(crate) async fn page(
    State(site): State<Site>,
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
    take::Query(wanted): take::Query<Wanted>,
) -> Result<Response, ApiError> {
    let listed = titles::list(site.api(), &visitor, &wanted).await?;
    let now = site.now();
    let frame = Frame::new(&visitor, "/");
    let uploads = visitor.may(Action::Upload);
    let origin = site.origin(&headers, &uri);
    let mut begun = Vec::new();
    if wanted.is_first() {
        for (title, seen) in resume::row(&site, &visitor).await? {
            let poster = posters::of(site.api(), &title, &visitor, &origin).await?;
            begun.push(Tile::of(&title, &visitor, poster, now).seen(seen));
        }
    }
    let mut tiles = Vec::with_capacity(listed.titles.len());
    for title in &listed.titles {
        tiles.push(Tile::of(title, &visitor, posters::of(site.api(), title, &visitor, &origin).await?, now));
    }
    let home = Home {
        frame: &frame,
        begun,
        tiles,
        next: listed.next,
        live: uploads && wanted.is_first(),
        guest: visitor.account.is_none(),
        uploads,
        s3_url: site.uploads().s3_url().as_str().trim_end_matches('/').to_owned(),
    };
    Ok(render(&frame, &home))
}
