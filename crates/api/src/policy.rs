//! Access rules of routes, for the API and for pages.

use std::collections::HashMap;

use axum::extract::Request;
use http_face::ApiError;
use identity::{Action, Resource, Who, may};

use crate::titles::{self, Found};
use crate::{Api, Caller, uploads};

/// The access rule of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Anyone: nothing there depends on who asks, or each thing is asked for by itself (the sentence says how).
    Anyone(&'static str),
    /// Signed-in visitors.
    SignedIn,
    /// Accounts that may do this to the installation.
    Installation(Action),
    /// Accounts that may do this to the title that the path names as `{title}`. The handler gets the title.
    Title(Action),
    /// The command line of the host alone: what it answers lets others in.
    Host,
    /// Accounts that may upload, and started the upload that the path names as `{upload}`. The handler gets the upload.
    Upload,
}

/// Checks a policy for the caller of a request whose path contains `names`. What the path names is put into the request's
/// extensions, for the handler.
///
/// # Errors
/// 401 for guests who would have to sign in, 403 where the account may not, 404 for what does not exist or is hidden.
pub async fn admit(
    api: &Api,
    policy: Policy,
    names: &HashMap<String, String>,
    caller: &Caller,
    request: &mut Request,
) -> Result<(), ApiError> {
    let guest = caller.who == Who::Guest;
    match policy {
        Policy::Anyone(_) => Ok(()),
        Policy::Host if caller.is_host() => Ok(()),
        Policy::SignedIn | Policy::Installation(_) | Policy::Upload | Policy::Host if guest => {
            Err(ApiError::unauthorized())
        }
        Policy::SignedIn => Ok(()),
        Policy::Host => {
            Err(ApiError::forbidden("not_allowed", "Only the command line of the server can do this."))
        }
        Policy::Installation(action) if caller.may(action) => Ok(()),
        Policy::Installation(_) => Err(ApiError::forbidden(
            "not_allowed",
            "You don't have access to this page. Ask an administrator.",
        )),
        Policy::Upload if caller.may(Action::Upload) => {
            let named = names.get("upload").map(String::as_str);
            let own = uploads::own(api, caller, named).await?;
            request.extensions_mut().insert(own);
            Ok(())
        }
        Policy::Upload => {
            Err(ApiError::forbidden("not_allowed", "Your account can't upload. Ask an administrator."))
        }
        Policy::Title(action) => {
            let named = names.get("title").map(String::as_str).unwrap_or_default();
            let title = api.find(caller, named).await?;
            let resource = Resource::Title(titles::facts(&title));
            if !may(&caller.who, action, &resource) {
                // Nobody learns of a title that they may not see.
                if !may(&caller.who, Action::SeeTitle, &resource) {
                    return Err(titles::missing(caller, named));
                }
                return Err(if guest {
                    ApiError::unauthorized()
                } else {
                    ApiError::forbidden("not_allowed", "You don't have permission to do this to the title.")
                });
            }
            request.extensions_mut().insert(Found(title));
            Ok(())
        }
    }
}
