//! The caller of the API: a visitor of the site, or the command line of the host.

use axum::extract::FromRequestParts;
use http::request::Parts;
use http_face::ApiError;
use identity::{Account, Action, Resource, Who, may};
use model::Timestamp;
use pipeline::By;

/// The caller of a request, as the mount of the API found out. Handlers take it as an argument; never an `Option`: a
/// guest is a caller too.
#[derive(Debug, Clone)]
pub struct Caller {
    /// For the policy.
    pub who: Who,
    /// Their account, if they are signed in.
    pub account: Option<Account>,
    /// A moment before it was looked up who they are.
    pub asked_at: Timestamp,
}

impl Caller {
    /// A visitor who is not signed in.
    pub fn guest(asked_at: Timestamp) -> Self {
        Self { who: Who::Guest, account: None, asked_at }
    }

    /// The user that runs the installation, who may do everything.
    pub fn host(asked_at: Timestamp) -> Self {
        Self { who: Who::Host, account: None, asked_at }
    }

    /// Whether they may do something to the installation as a whole.
    pub fn may(&self, action: Action) -> bool {
        may(&self.who, action, &Resource::Installation)
    }

    /// Whether this is the command line of the host.
    pub fn is_host(&self) -> bool {
        self.who == Who::Host
    }

    /// The role in which they act on a title: its owner, the command line, or else an operator.
    pub fn by(&self, title: &catalogue::Title) -> By {
        match self.who.account() {
            _ if self.is_host() => By::CommandLine,
            Some(account) if title.owner == Some(account) => By::Owner,
            _ => By::Operator,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let found = parts.extensions.get::<Self>().cloned();
        found.ok_or_else(|| ApiError::internal("the mount of the API names no caller"))
    }
}
