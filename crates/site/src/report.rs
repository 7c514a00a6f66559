//! Reports of players that gave up: a line in the log each, and the id to find it by.

use std::time::Instant;

use api::answer::Fresh;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http_face::client::ClientIp;
use http_face::{ApiError, RequestId, take, without_secrets};
use model::{PlaybackSessionId, TitleId};
use serde::{Deserialize, Serialize};

use crate::Site;

/// Longest word and text of a report, in characters.
const MAX_CHARS: usize = 500;

/// Report of a player that gave up.
#[derive(Deserialize)]
pub(crate) struct Report {
    title: TitleId,
    session: Option<PlaybackSessionId>,
    kind: String,
    detail: String,
}

impl Report {
    /// Kind and detail, fit for the log: bounded, on one line, without secrets.
    pub(crate) fn told(&self) -> (String, String) {
        let told = |text: &str| {
            let line: String = text.chars().filter(|c| !c.is_control()).collect();
            // Before it is cut: the beginning of a secret does not look like one.
            without_secrets(&line).chars().take(MAX_CHARS).collect()
        };
        (told(&self.kind), told(&self.detail))
    }
}

/// The id to quote: this request's, under which the log has the report.
#[derive(Serialize)]
struct Reported {
    report: String,
}

/// `POST /api/playback/report`
pub(crate) async fn write(
    State(site): State<Site>,
    id: axum::Extension<RequestId>,
    client: ClientIp,
    take::Json(report): take::Json<Report>,
) -> Result<Response, ApiError> {
    site.reports().take(client.0, Instant::now())?;
    let (kind, detail) = report.told();
    let session = report.session.map(|session| session.to_string());
    tracing::warn!(title = %report.title, session, kind, detail, "a player gave up");
    Ok(Fresh(Reported { report: id.to_string() }).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_one_bounded_line_without_secrets_also_where_it_is_cut() {
        let told = |detail: &str| {
            let (kind, detail) = ("\tnet\nwork".into(), detail.into());
            Report { title: TitleId::new(), session: None, kind, detail }.told()
        };
        assert_eq!(told("503\r\n"), ("network".into(), "503".into()));
        let (_, cut) = told(&"word ".repeat(200));
        assert_eq!(cut.chars().count(), MAX_CHARS);
        let secret = "Ab-_~9".repeat(20);
        for before in MAX_CHARS - 130..MAX_CHARS {
            let (_, detail) = told(&format!("{} {secret}", "x ".repeat(before / 2)));
            assert!(!detail.contains("Ab"), "{detail}");
        }
    }
}
