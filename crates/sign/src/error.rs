//! Errors of reading keys and of signing.

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A key that cannot be used, or something that cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not PEM with the expected label.
    #[error("key `{id}` is not PEM: expected `-----BEGIN {label}-----`")]
    Pem {
        /// The key's id.
        id: String,
        /// The label that was looked for.
        label: &'static str,
    },
    /// The key is neither RSA-2048 nor ECDSA P-256.
    #[error("key `{id}` is neither RSA with 2048 bits nor ECDSA P-256")]
    PublicKey {
        /// The key's id.
        id: String,
    },
    /// The private key is not P-256 in PKCS#8.
    #[error("private key `{id}` is not an ECDSA P-256 key in PKCS#8")]
    PrivateKey {
        /// The key's id.
        id: String,
    },
    /// Key ids have 1 to 128 characters of `A-Z a-z 0-9 - _`.
    #[error("`{id}` is not a key id: use 1 to 128 of A-Z, a-z, 0-9, `-` and `_`")]
    KeyId {
        /// The given id, cut to 140 characters.
        id: String,
    },
    /// A URL or resource has characters that must be percent-encoded, or no scheme and host.
    #[error(
        "`{text}` cannot be signed: expected scheme://host/path of visible ASCII without quotes and fragment"
    )]
    Url {
        /// The given text, cut to 200 characters.
        text: String,
    },
    /// A token's path prefix does not begin and end with `/`, or is longer than 255 bytes.
    #[error("invalid token prefix `{prefix}`: it must begin and end with `/` and have at most 255 bytes")]
    Prefix {
        /// The given prefix, cut to 300 characters.
        prefix: String,
    },
    /// A moment is before 1970, or after 2106 for a token.
    #[error("{seconds} s is not a valid expiry")]
    Moment {
        /// Seconds since the epoch.
        seconds: i64,
    },
    /// The cryptographic library refused.
    #[error("the cryptographic library failed to {what}")]
    Crypto {
        /// The operation.
        what: &'static str,
    },
}

/// Cuts a foreign text for an error message.
pub(crate) fn cut(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}
