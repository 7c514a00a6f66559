//! The upload page: the frame of the script that sends files, and what to do without it.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http_face::ApiError;
use model::ByteSize;
use model::title::Visibility;

use crate::Site;
use crate::page::{Frame, render_reaching};
use crate::visitor::Visitor;

#[derive(Template)]
#[template(path = "upload.html")]
struct Page<'a> {
    frame: &'a Frame,
    s3_url: String,
    largest: String,
    days: u32,
    /// Whether others do not see new titles by themselves.
    private: bool,
}

/// `GET /upload`
pub(crate) async fn page(State(site): State<Site>, visitor: Visitor) -> Result<Response, ApiError> {
    let (frame, config) = (Frame::new(&visitor, "/upload"), site.uploads().config());
    let s3_url = site.uploads().s3_url().origin().ascii_serialization();
    let page = Page {
        frame: &frame,
        s3_url: s3_url.clone(),
        largest: ByteSize(config.max_bytes).to_string(),
        days: config.abandoned_days,
        private: site.uploads().visibility() == Visibility::Private,
    };
    Ok(render_reaching(&s3_url, &frame, &page))
}
