//! The reasons of refusals, as they are counted.

/// Why the door itself refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The request has a wrong form.
    Malformed,
    /// The signature is missing or not right.
    Signature,
    /// Too many signatures of the address were wrong.
    TooManyWrong,
    /// No behaviour has the path.
    NoBehaviour,
    /// The asset was deleted.
    Deleted,
    /// The request came without TLS.
    NoTls,
    /// The behaviour does not take the method.
    Method,
    /// Address or head are too large.
    TooLarge,
    /// The upstream failed.
    UpstreamFailed,
    /// The upstream took too long.
    UpstreamLate,
    /// Clients hold as much memory as they may.
    Crowded,
}

impl Reason {
    /// All of them, in the order of [`crate::meter::Counts::refusals`].
    pub const ALL: [Self; 11] = [
        Self::Malformed,
        Self::Signature,
        Self::TooManyWrong,
        Self::NoBehaviour,
        Self::Deleted,
        Self::NoTls,
        Self::Method,
        Self::TooLarge,
        Self::UpstreamFailed,
        Self::UpstreamLate,
        Self::Crowded,
    ];

    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Signature => "signature",
            Self::TooManyWrong => "too_many_wrong",
            Self::NoBehaviour => "no_behaviour",
            Self::Deleted => "deleted",
            Self::NoTls => "no_tls",
            Self::Method => "method",
            Self::TooLarge => "too_large",
            Self::UpstreamFailed => "upstream_failed",
            Self::UpstreamLate => "upstream_late",
            Self::Crowded => "crowded",
        }
    }
}
