//! The JSON API: one file per noun with its types, handlers, errors and policy.
//!
//! Every route is a row of one table ([`routes()`]) with its policy. The table is mounted twice: by the site for
//! visitors with a session cookie, and by the control socket for the command line of the host. Each mount says who
//! calls by a [`Caller`] in the request's extensions; nothing here reads a cookie. The command line reads answers
//! into the same types.
//!
//! Units: times are milliseconds since 1970, durations are milliseconds, shares are ‰, sizes are bytes. Errors are
//! problem details (RFC 9457). [`openapi()`] describes all of it, made of the table and the handlers' signatures.
//!
//! A change that takes access away and its effect on running playback are one function here, for pages too.
//!
//! ```
//! let table = api::routes();
//! assert!(table.iter().any(|route| route.path == "/api/titles/{title}"));
//! ```

pub mod answer;
mod caller;
pub mod deleted;
mod describe;
mod error;
pub mod invitations;
pub mod jobs;
mod openapi;
pub mod packaging;
pub mod people;
mod policy;
pub mod posters;
mod route;
pub mod s3_keys;
mod schema;
pub mod sign_in_links;
mod table;
pub mod titles;
pub mod uploads;
pub mod work;

use std::sync::Arc;

use ::jobs::Queue;
use catalogue::Catalogue;
use http::{HeaderMap, Uri, header};
use http_face::ApiError;
use identity::Identity;
use model::{Timestamp, TitleId};
use pipeline::Pipeline;
use playback::Playback;
use upload::Uploads;
use url::Url;

pub use caller::Caller;
pub use error::refused;
pub use openapi::{openapi, routes};
pub use policy::{Policy, admit};
pub use route::{Route, router};

/// Services that the handlers use.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Accounts and sessions.
    pub identity: Identity,
    /// Titles to watch.
    pub catalogue: Catalogue,
    /// Permission to watch.
    pub playback: Playback,
    /// The job queue.
    pub jobs: Queue,
    /// Actions on titles and jobs.
    pub pipeline: Pipeline,
    /// Uploads by browsers.
    pub uploads: Uploads,
}

/// What the installation is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address that people use, with its scheme.
    pub public_url: Url,
    /// The address that S3 clients use.
    pub s3_url: String,
    /// Whether people get codes by mail to sign in with; without, links are the only way in.
    pub codes: bool,
}

/// State shared by handlers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Api {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    parts: Parts,
    settings: Settings,
}

impl Api {
    /// The API of an installation.
    pub fn new(parts: Parts, settings: Settings) -> Self {
        Self { inner: Arc::new(Inner { parts, settings }) }
    }

    /// What the installation is.
    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// The services behind it.
    pub fn parts(&self) -> &Parts {
        &self.inner.parts
    }

    /// The address people use, with its scheme.
    pub fn public_url(&self) -> &Url {
        &self.inner.settings.public_url
    }

    /// Scheme and host as the viewer uses them: what signatures for them name.
    pub fn origin(&self, headers: &HeaderMap, uri: &Uri) -> String {
        let url = self.public_url();
        let host =
            headers.get(header::HOST).and_then(|v| v.to_str().ok()).or(uri.authority().map(|a| a.as_str()));
        match host {
            Some(host) => format!("{}://{host}", url.scheme()),
            None => self.public_origin(),
        }
    }

    /// Scheme, host and port that everybody can use.
    pub fn public_origin(&self) -> String {
        self.public_url().origin().ascii_serialization()
    }

    /// The time now, for this crate and the site.
    pub fn now(&self) -> Timestamp {
        self.parts().jobs.now()
    }

    /// A title, `None` if it does not exist.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn title(&self, id: TitleId) -> Result<Option<catalogue::Title>, ApiError> {
        match self.parts().catalogue.title(id).await {
            Ok(title) => Ok(Some(title)),
            Err(catalogue::Error::NoTitle { .. }) => Ok(None),
            Err(error) => Err(ApiError::internal(error)),
        }
    }
}
