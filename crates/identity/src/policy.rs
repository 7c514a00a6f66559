//! The policy: everything that is not allowed here is denied.

use std::sync::Arc;

use model::title::Visibility;
use model::{AccountId, BucketName, SessionId};

use crate::{Buckets, Role};

/// The actor of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// A guest, without a sign-in.
    Guest,
    /// The holder of an account.
    Account {
        /// The account.
        account: AccountId,
        /// Its role.
        role: Role,
        /// How they come in.
        via: Via,
    },
    /// The user that runs this installation: its command line, over the socket in the data folder.
    Host,
}

/// How the holder of an account comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// In a browser, signed in.
    Session(SessionId),
    /// With an S3 access key, which opens these buckets and nothing else.
    AccessKey {
        /// The access key id.
        id: Arc<str>,
        /// The buckets that it opens.
        buckets: Buckets,
    },
    /// With the address of a part of an upload that they began, which opens nothing else.
    Part,
}

impl Who {
    /// The account, if there is one.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Account { account, .. } => Some(*account),
            Self::Guest | Self::Host => None,
        }
    }

    /// The browser's session, if there is one.
    pub fn session(&self) -> Option<SessionId> {
        match self {
            Self::Account { via: Via::Session(id), .. } => Some(*id),
            _ => None,
        }
    }
}

/// An action to be permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// See that a title exists, with its name and poster.
    SeeTitle,
    /// Watch a title.
    WatchTitle,
    /// Change a title's name, visibility and such.
    EditTitle,
    /// Delete a title and its bytes.
    DeleteTitle,
    /// Make a title by uploading.
    Upload,
    /// List a bucket and read its objects.
    ReadBucket,
    /// Write and delete a bucket's objects.
    WriteBucket,
    /// See jobs and events.
    SeeJobs,
    /// Cancel and retry jobs, send events.
    ManageJobs,
    /// List and end sessions of an account.
    ManageSessions,
    /// Make, list and revoke access keys of an account.
    ManageAccessKeys,
    /// Invite, suspend and give roles.
    ManageAccounts,
    /// Trust and remove signing keys, rotate secrets.
    ManageKeys,
    /// See, add and remove packaging groups and configurations.
    ManagePackaging,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 14] = [
        Self::SeeTitle,
        Self::WatchTitle,
        Self::EditTitle,
        Self::DeleteTitle,
        Self::Upload,
        Self::ReadBucket,
        Self::WriteBucket,
        Self::SeeJobs,
        Self::ManageJobs,
        Self::ManageSessions,
        Self::ManageAccessKeys,
        Self::ManageAccounts,
        Self::ManageKeys,
        Self::ManagePackaging,
    ];
}

/// The target of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource<'a> {
    /// This installation as a whole.
    Installation,
    /// A title.
    Title(Title),
    /// A bucket.
    Bucket(&'a BucketName),
    /// An account.
    Account(AccountId),
}

/// Facts about a title that the policy uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Title {
    /// The account that uploaded it, if any.
    pub owner: Option<AccountId>,
    /// The audience that may watch it.
    pub visibility: Visibility,
    /// Whether there is something to watch: it is playable and did not fail.
    pub ready: bool,
}

/// Decides. Pure, and cheap enough for every request.
pub fn may(who: &Who, action: Action, resource: &Resource<'_>) -> bool {
    match who {
        Who::Host => fits(action, resource),
        Who::Guest => match (action, resource) {
            (Action::SeeTitle | Action::WatchTitle, Resource::Title(title)) => {
                title.ready && title.visibility == Visibility::Public
            }
            _ => false,
        },
        Who::Account { role, via: Via::AccessKey { buckets, .. }, .. } => match (action, resource) {
            (Action::ReadBucket | Action::WriteBucket, Resource::Bucket(bucket)) => {
                let by_role = match role {
                    Role::Operator => true,
                    Role::Creator => *buckets != Buckets::All,
                    Role::Viewer => false,
                };
                by_role && buckets.open(bucket)
            }
            _ => false,
        },
        Who::Account { account, role, via: Via::Part } => match (action, resource) {
            (Action::Upload, Resource::Installation) => by_role(*account, *role, action, resource),
            _ => false,
        },
        Who::Account { account, role, via: Via::Session(_) } => by_role(*account, *role, action, resource),
    }
}

fn by_role(account: AccountId, role: Role, action: Action, resource: &Resource<'_>) -> bool {
    match role {
        Role::Operator => operator(account, action, resource),
        Role::Creator => creator(account, action, resource),
        Role::Viewer => viewer(account, action, resource),
    }
}

fn viewer(account: AccountId, action: Action, resource: &Resource<'_>) -> bool {
    match (action, resource) {
        (Action::SeeTitle | Action::WatchTitle, Resource::Title(title)) => {
            let own = title.owner == Some(account);
            own || title.ready && matches!(title.visibility, Visibility::Members | Visibility::Public)
        }
        (Action::ManageSessions, Resource::Account(of)) => *of == account,
        _ => false,
    }
}

fn creator(account: AccountId, action: Action, resource: &Resource<'_>) -> bool {
    match (action, resource) {
        (Action::Upload, Resource::Installation) => true,
        (Action::EditTitle | Action::DeleteTitle, Resource::Title(title)) => title.owner == Some(account),
        _ => viewer(account, action, resource),
    }
}

/// Everything but other people's access keys: a key acts in its owner's name.
fn operator(account: AccountId, action: Action, resource: &Resource<'_>) -> bool {
    match (action, resource) {
        (Action::ManageAccessKeys, Resource::Account(of)) => *of == account,
        _ => fits(action, resource),
    }
}

/// Whether the action can be done to this kind of resource at all.
fn fits(action: Action, resource: &Resource<'_>) -> bool {
    match action {
        Action::SeeTitle | Action::WatchTitle | Action::EditTitle | Action::DeleteTitle => {
            matches!(resource, Resource::Title(_))
        }
        Action::ReadBucket | Action::WriteBucket => matches!(resource, Resource::Bucket(_)),
        Action::ManageSessions | Action::ManageAccessKeys => matches!(resource, Resource::Account(_)),
        Action::Upload
        | Action::SeeJobs
        | Action::ManageJobs
        | Action::ManageAccounts
        | Action::ManageKeys
        | Action::ManagePackaging => matches!(resource, Resource::Installation),
    }
}

#[cfg(test)]
mod tests;
