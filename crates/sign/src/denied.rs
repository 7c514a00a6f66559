//! Refusals, with CloudFront's codes and body.

/// Why a request is refused. `Display` is for logs; viewers get [`Denied::xml`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// Neither the query nor a cookie names a key.
    #[error("the request is not signed")]
    NoKey,
    /// The key is unknown or has expired.
    #[error("the key is unknown or retired")]
    UnknownKey,
    /// The signature is missing, too long or not in CloudFront's base64; or a path token is no token.
    #[error("the signature or token cannot be decoded")]
    MalformedSignature,
    /// The policy is missing, too long, not in base64 or not a policy.
    #[error("the policy cannot be read")]
    MalformedPolicy,
    /// The signature does not belong to these bytes and this key.
    #[error("the signature is wrong")]
    WrongSignature,
    /// A signing parameter stands in the query twice, or `Hash-Algorithm` is unknown.
    #[error("signing parameters contradict each other")]
    Ambiguous,
    /// `DateLessThan` or a token's expiry is reached.
    #[error("the signature has expired")]
    Expired,
    /// `DateGreaterThan` is not reached.
    #[error("the signature is not valid yet")]
    NotYet,
    /// The viewer's address is outside `IpAddress`.
    #[error("the viewer's address is outside the policy")]
    Address,
    /// The request is outside `Resource` or the token's path.
    #[error("the request is outside the policy's resource")]
    Resource,
    /// The key wants a playback session, and none was shown.
    #[error("the playback session is missing")]
    NoSession,
    /// The shown playback session does not belong to the signature.
    #[error("the playback session belongs to another signature")]
    WrongSession,
    /// The playback session was revoked.
    #[error("the playback session was revoked")]
    Revoked,
}

impl Denied {
    /// The body of the 403 answer (`text/xml`, one line).
    pub fn xml(self) -> &'static str {
        macro_rules! body {
            ($code:literal, $message:literal) => {
                concat!(
                    r#"<?xml version="1.0" encoding="UTF-8"?><Error><Code>"#,
                    $code,
                    "</Code><Message>",
                    $message,
                    "</Message></Error>"
                )
            };
        }
        match self {
            Self::NoKey => body!("MissingKey", "Missing Key-Pair-Id query parameter or cookie value"),
            Self::UnknownKey => body!("InvalidKey", "Unknown Key"),
            Self::MalformedSignature => body!("MalformedSignature", "Could not unencode Signature"),
            Self::MalformedPolicy => body!("MalformedPolicy", "Malformed Policy"),
            _ => body!("AccessDenied", "Access denied"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_what_cloudfront_answers() {
        assert_eq!(
            Denied::NoKey.xml(),
            r#"<?xml version="1.0" encoding="UTF-8"?><Error><Code>MissingKey</Code><Message>Missing Key-Pair-Id query parameter or cookie value</Message></Error>"#
        );
        // Which check refused is for the log.
        for denied in [Denied::WrongSignature, Denied::Expired, Denied::Address, Denied::Revoked] {
            assert_eq!(
                denied.xml(),
                r#"<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Access denied</Message></Error>"#
            );
        }
    }
}
