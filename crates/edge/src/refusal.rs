//! Why a request is refused: for the log, the counters and the response ([`crate::refused`]).

use sign::Denied;

use crate::reason::Reason;

/// Why the edge does not hand a request on, or has nothing to hand back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    BadRequest(&'static str),
    Denied(Denied),
    /// Too many signatures of the address were wrong: this one was not checked.
    TooManyWrong,
    NoBehaviour,
    /// The asset was deleted.
    Gone,
    /// The request came without TLS although TLS is required.
    Plain,
    /// A signed behaviour is only read.
    Method,
    TargetTooLong,
    HeadTooLarge,
    /// The upstream failed.
    Upstream,
    /// The upstream took too long.
    UpstreamTimeout,
    /// Clients hold as much memory as they may.
    Crowded,
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl Refusal {
    /// The counter for this refusal.
    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::BadRequest(_) => Reason::Malformed,
            Self::Denied(_) => Reason::Signature,
            Self::TooManyWrong => Reason::TooManyWrong,
            Self::NoBehaviour => Reason::NoBehaviour,
            Self::Gone => Reason::Deleted,
            Self::Plain => Reason::NoTls,
            Self::Method => Reason::Method,
            Self::TargetTooLong | Self::HeadTooLarge => Reason::TooLarge,
            Self::Upstream => Reason::UpstreamFailed,
            Self::UpstreamTimeout => Reason::UpstreamLate,
            Self::Crowded => Reason::Crowded,
        }
    }

    /// The text for the log.
    pub(crate) fn words(self) -> String {
        match self {
            Self::BadRequest(why) => why.to_owned(),
            Self::Denied(denied) => denied.to_string(),
            Self::TooManyWrong => "too many wrong signatures came from this address".to_owned(),
            Self::NoBehaviour => "no behaviour matches this path".to_owned(),
            Self::Gone => "the title was deleted".to_owned(),
            Self::Plain => "the request came without TLS".to_owned(),
            Self::Method => "the behaviour does not allow this method".to_owned(),
            Self::TargetTooLong => "path and query are too long".to_owned(),
            Self::HeadTooLarge => "the header fields are too large".to_owned(),
            Self::Upstream => "the upstream failed".to_owned(),
            Self::UpstreamTimeout => "the upstream timed out".to_owned(),
            Self::Crowded => "clients use all permitted memory".to_owned(),
        }
    }
}
