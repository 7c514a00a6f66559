//! The hashes that CloudFront's clients sign with.

/// Hash of a CloudFront signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Hash {
    /// The default of every client.
    #[default]
    Sha1,
    /// `Hash-Algorithm=SHA256`.
    Sha256,
}
