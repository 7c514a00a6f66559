//! Why somebody was not let in.

use model::setting::OutOfRange;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refused or failed call. Never contains a code, a token, a secret or an address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not an e-mail address that Kinora can write to.
    #[error("not an e-mail address: {why}")]
    Address {
        /// The problem, in words for people.
        why: &'static str,
    },
    /// A limit was reached; nothing was sent or evaluated.
    #[error("too many requests; try again in {retry_after_seconds} s")]
    TooMany {
        /// When it is worth trying again.
        retry_after_seconds: u32,
    },
    /// The code was compared and is wrong.
    #[error("incorrect code, {left} attempts left")]
    WrongCode {
        /// Tries left for this challenge.
        left: u32,
    },
    /// The challenge has ended (used, expired, out of tries) or belongs to another browser: ask for a new code.
    #[error("this code has expired; ask for a new one")]
    Stale,
    /// The sign-in link was used, has expired or never existed.
    #[error("this link was used or has expired; ask for a new one")]
    Link,
    /// Too many wrong codes in a row: codes for this address are off until somebody comes in another way.
    #[error("codes are switched off for this address; an operator can create a sign-in link")]
    CodesOff,
    /// The invitation was used up, taken back, has expired or never existed.
    #[error("this invitation was used or has expired; ask for a new one")]
    Invitation,
    /// The offer of an invitation is invalid.
    #[error(
        "an invitation is for one address, or for 1 to 1000 people; only one for an address can make an operator"
    )]
    Offer,
    /// An invitation that would stand too long.
    #[error("an invitation is valid for at most 90 days")]
    Lifetime,
    /// The account that invites or creates a link is not an operator, or is suspended.
    #[error("only an active operator can invite people")]
    NoOperator,
    /// The address already has an account.
    #[error("this address already has an account; create a sign-in link for it")]
    Taken,
    /// Without this operator nobody could manage the installation.
    #[error("this is the last operator; make somebody else an operator first")]
    LastOperator,
    /// The account does not exist or is suspended.
    #[error("no such account")]
    NoAccount,
    /// Too few or too many buckets for an access key.
    #[error("an access key opens 1 to 100 buckets, or all")]
    AccessKey,
    /// The account may not have the access key that was asked for.
    #[error("the account's role is {role}: only operators have access keys, and creators for named buckets")]
    KeyOwner {
        /// The account's role.
        role: crate::Role,
    },
    /// A code was made with a key that was not handed in.
    #[error("version {version} of the code key is missing")]
    CodeKey {
        /// The missing version.
        version: u32,
    },
    /// A setting leaves its hard limits.
    #[error(transparent)]
    Config(#[from] OutOfRange),
    /// A stored secret can not be opened.
    #[error(transparent)]
    Vault(#[from] seal::Error),
    /// A mail could not be queued.
    #[error("cannot queue a message")]
    Notify(#[from] notify::Error),
    /// The database failed.
    #[error("cannot read or write the accounts")]
    Database(#[from] db::Error),
}
