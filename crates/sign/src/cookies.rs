//! The cookies that carry a custom policy, and the session that it is tied to.

use std::fmt;

use model::PlaybackSessionId;

use crate::encoding;
use crate::error::Result;
use crate::policy::Policy;
use crate::session;
use crate::signing::SigningKey;

/// The cookies of a custom policy; values need no further encoding.
#[derive(Clone, PartialEq, Eq)]
pub struct Cookies {
    /// Names and values, in the order in which they should be set.
    pub pairs: Vec<(&'static str, String)>,
}

impl Cookies {
    /// The value of a `Cookie` header that carries them all.
    pub fn header(&self) -> String {
        let pairs: Vec<String> = self.pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }
}

impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.pairs.iter().map(|(name, _)| name)).finish()
    }
}

impl SigningKey {
    /// Makes the cookies for a custom policy; with a session also the cookie that ties it to the policy.
    pub fn cookies(&self, policy: &Policy, session: Option<PlaybackSessionId>) -> Result<Cookies> {
        let policy = policy.to_json()?;
        let mut pairs = vec![
            ("CloudFront-Policy", encoding::to_cloudfront(policy.as_bytes())),
            ("CloudFront-Signature", self.sign(policy.as_bytes())?),
            ("CloudFront-Key-Pair-Id", self.id().to_string()),
            ("CloudFront-Hash-Algorithm", "SHA256".to_owned()),
        ];
        if let Some(session) = session {
            pairs.push((session::COOKIE, session::mint(self, session, policy.as_bytes())?));
        }
        Ok(Cookies { pairs })
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;

    #[test]
    fn cookies_stay_secret() {
        let key = SigningKey::generate("K1").unwrap();
        let cookies = key
            .cookies(&Policy { resource: None, after: None, until: Timestamp(0), address: None }, None)
            .unwrap();
        assert!(!format!("{cookies:?}").contains(&cookies.pairs[1].1));
    }
}
