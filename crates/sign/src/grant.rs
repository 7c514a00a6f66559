//! The permission given by a verified signature.

use std::sync::Arc;

use model::{PlaybackSessionId, Timestamp};

use crate::denied::Denied;
use crate::mark::Mark;
use crate::path;
use crate::pattern;
use crate::policy::Policy;
use crate::request::Request;

/// The permission given by a verified signature: for what, for whom and until when.
///
/// It may be kept and checked against later requests, as long as its key stays one of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub(crate) key: Arc<str>,
    pub(crate) policy: Policy,
    pub(crate) reach: Reach,
    pub(crate) session: Option<PlaybackSessionId>,
    pub(crate) mark: Option<Mark>,
}

/// How the policy's resource is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// A canned policy: the URL itself.
    Url,
    /// A custom policy: wildcards.
    Pattern,
    /// A path token: everything below a path, whatever the scheme and host.
    Below,
}

impl Grant {
    /// The id of the key that signed it.
    pub fn key(&self) -> &Arc<str> {
        &self.key
    }

    /// The URL, pattern or path prefix that it opens; `None` opens everything.
    pub fn resource(&self) -> Option<&str> {
        self.policy.resource.as_deref()
    }

    /// When it ends.
    pub fn until(&self) -> Timestamp {
        self.policy.until
    }

    /// The playback session that it belongs to, if it names one. Whether that was revoked is the caller's to know.
    pub fn session(&self) -> Option<PlaybackSessionId> {
        self.session
    }

    /// The mark of the address, if the signature covers its query. Whether its subject has ended since must be
    /// checked by the caller.
    pub fn mark(&self) -> Option<&Mark> {
        self.mark.as_ref()
    }

    /// Checks resource, dates and address for a request whose target without signing parameters and token is `target`.
    pub fn check(&self, request: &Request<'_>, target: &str) -> Result<(), Denied> {
        self.policy.admits(request.client, request.now)?;
        let covered = match (self.reach, self.policy.resource.as_deref()) {
            (_, None) => true,
            (Reach::Url, Some(url)) => is_url(url, request, target),
            (Reach::Pattern, Some(pattern)) => {
                path::is_plain(path_of(target))
                    && pattern::covers(pattern, request.scheme, request.host, target)
            }
            (Reach::Below, Some(prefix)) => path::is_plain(path_of(target)) && target.starts_with(prefix),
        };
        if covered { Ok(()) } else { Err(Denied::Resource) }
    }
}

fn path_of(target: &str) -> &str {
    target.split_once('?').map_or(target, |(path, _)| path)
}

fn is_url(url: &str, request: &Request<'_>, target: &str) -> bool {
    url.strip_prefix(request.scheme)
        .and_then(|rest| rest.strip_prefix("://"))
        .and_then(|rest| rest.strip_prefix(request.host))
        .is_some_and(|rest| rest == target)
}
