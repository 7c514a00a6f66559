//! Refusals, with CloudFront's codes and body.

/// Why a request is refused. `Display` is for logs; viewers get [`Denied::xml`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// Neither the query nor a cookie names a key.
    #[error("nothing signed was shown")]
    NoKey,
    /// The key is not one of ours, or its time is over.
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
    /// CloudFront's error code.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoKey => "MissingKey",
            Self::UnknownKey => "InvalidKey",
            Self::MalformedSignature => "MalformedSignature",
            Self::MalformedPolicy => "MalformedPolicy",
            _ => "AccessDenied",
        }
    }

    /// CloudFront's message for [`Denied::code`].
    pub fn message(self) -> &'static str {
        match self {
            Self::NoKey => "Missing Key-Pair-Id query parameter or cookie value",
            Self::UnknownKey => "Unknown Key",
            Self::MalformedSignature => "Could not unencode Signature",
            Self::MalformedPolicy => "Malformed Policy",
            _ => "Access denied",
        }
    }

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
    fn the_body_carries_code_and_message() {
        for denied in [
            Denied::NoKey,
            Denied::UnknownKey,
            Denied::MalformedSignature,
            Denied::MalformedPolicy,
            Denied::WrongSignature,
            Denied::Expired,
        ] {
            let expected = format!(
                r#"<?xml version="1.0" encoding="UTF-8"?><Error><Code>{}</Code><Message>{}</Message></Error>"#,
                denied.code(),
                denied.message()
            );
            assert_eq!(denied.xml(), expected);
        }
    }
}
