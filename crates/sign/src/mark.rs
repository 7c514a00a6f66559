//! Marks of signed addresses in their own query, by which they end before they expire.
//!
//! An address with `kinora-since` was made for a permission that may be withdrawn: `kinora-for` names, up to twice, whom it
//! was made for, an account or a session, and `kinora-since` as of when, in ms. A server that knows what ended since
//! can refuse it. Only an address that a canned policy covers is bound to its query, so only there it counts.

use std::fmt::Write as _;

use model::{SubjectId, Timestamp};

const SINCE: &str = "kinora-since=";
const FOR: &str = "kinora-for=";

/// The mark of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// As of when it was decided that it may be made.
    pub since: Timestamp,
    /// The account and the session that it was made for, if it is not for everybody.
    pub subjects: [Option<SubjectId>; 2],
}

impl Mark {
    /// The query, without a question mark.
    pub fn query(&self) -> String {
        let mut query = format!("{SINCE}{}", self.since.0);
        for subject in self.subjects.iter().flatten() {
            // Cannot fail: it is a string.
            let _ = write!(query, "&{FOR}{subject}");
        }
        query
    }

    /// Reads it from a URL or target; `None` where it says nothing, or nothing that can be understood.
    pub fn of(url: &str) -> Option<Self> {
        let (_, query) = url.split_once('?')?;
        let (mut since, mut subjects, mut named) = (None, [None; 2], 0);
        for parameter in query.split('&') {
            if let Some(ms) = parameter.strip_prefix(SINCE) {
                since = Some(Timestamp(ms.parse().ok()?));
            } else if let Some(subject) = parameter.strip_prefix(FOR) {
                *subjects.get_mut(named)? = Some(subject.parse().ok()?);
                named += 1;
            }
        }
        Some(Self { since: since?, subjects })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mark_says_what_it_was_made_of() {
        let subject = |n| Some(SubjectId::from_bytes([n; 16]));
        for subjects in [[None; 2], [subject(1), None], [subject(1), subject(2)]] {
            let mark = Mark { since: Timestamp(1_700_000_000_000), subjects };
            assert_eq!(Mark::of(&format!("http://h/a?{}", mark.query())).as_ref(), Some(&mark));
            assert_eq!(Mark::of(&format!("/a?b&{}&c=1", mark.query())), Some(mark));
        }
        let id = "ab".repeat(16);
        for none in ["/a", "/a?b", "/a?kinora-since=", "/a?kinora-since=x", &format!("/a?kinora-for={id}")] {
            assert_eq!(Mark::of(none), None, "{none}");
        }
        assert_eq!(Mark::of("/a?kinora-since=1&kinora-for=x"), None);
        assert_eq!(Mark::of(&format!("/a?kinora-since=1{}", format!("&kinora-for={id}").repeat(3))), None);
    }

    proptest! {
        #[test]
        fn no_query_panics(text in ".{0,80}") {
            let _ = Mark::of(&format!("/a?kinora-since={text}"));
            let _ = Mark::of(&text);
        }
    }
}
