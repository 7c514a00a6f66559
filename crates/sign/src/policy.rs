//! Policies: what a signature allows, in CloudFront's JSON.

use std::net::IpAddr;

use model::{Cidr, Timestamp};
use serde::{Deserialize, Serialize};

use crate::denied::Denied;
use crate::error::{Error, Result, cut};
use crate::pattern;

/// Longest policy that is read, in bytes after base64.
pub(crate) const MAX_LEN: usize = 4096;

/// One policy statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// URL that it opens, with wildcards ([`pattern::covers`]); `None` opens everything.
    pub resource: Option<String>,
    /// Opens only after this moment (`DateGreaterThan`); whole seconds.
    pub after: Option<Timestamp>,
    /// Opens only before this moment (`DateLessThan`); whole seconds.
    pub until: Timestamp,
    /// Opens only for viewers of this IPv4 range (`IpAddress`).
    pub address: Option<Cidr>,
}

impl Policy {
    /// Reads a custom policy: one statement, alone or in a list, keys in any order, nothing unknown and nothing twice.
    pub fn parse(json: &[u8]) -> Result<Self, Denied> {
        if json.len() > MAX_LEN {
            return Err(Denied::MalformedPolicy);
        }
        let document: Document = serde_json::from_slice(json).map_err(|_| Denied::MalformedPolicy)?;
        let (Statements::One(statement) | Statements::List([statement])) = document.statement;
        let Condition { until, after, address } = statement.condition;
        if statement.resource.as_ref().is_some_and(|r| r.len() > pattern::MAX_LEN) {
            return Err(Denied::MalformedPolicy);
        }
        let address = match address {
            Some(Address { range }) => {
                let range: Cidr = range.parse().map_err(|_| Denied::MalformedPolicy)?;
                Some(range).filter(Cidr::is_v4).ok_or(Denied::MalformedPolicy).map(Some)?
            }
            None => None,
        };
        Ok(Self {
            resource: statement.resource,
            after: after.map(Epoch::moment).transpose()?,
            until: until.moment()?,
            address,
        })
    }

    /// Writes the policy as compact JSON, in the order that AWS's own signers use.
    pub fn to_json(&self) -> Result<String> {
        let document = Document {
            statement: Statements::List([Statement {
                resource: self.resource.clone(),
                condition: Condition {
                    until: Epoch::from(self.until)?,
                    after: self.after.map(Epoch::from).transpose()?,
                    address: self.address.map(|range| Address { range: range.to_string() }),
                },
            }]),
        };
        if self.resource.as_ref().is_some_and(|r| r.len() > pattern::MAX_LEN) {
            return Err(Error::Url { text: cut(self.resource.as_deref().unwrap_or_default(), 200) });
        }
        Ok(serde_json::to_string(&document).expect("plain values become JSON"))
    }

    /// Checks the dates and the viewer's address, not the resource.
    pub(crate) fn admits(&self, client: IpAddr, now: Timestamp) -> Result<(), Denied> {
        if now >= self.until {
            return Err(Denied::Expired);
        }
        if self.after.is_some_and(|after| now <= after) {
            return Err(Denied::NotYet);
        }
        match self.address {
            Some(range) if !range.is_any_v4() && !range.contains(client) => Err(Denied::Address),
            _ => Ok(()),
        }
    }
}

/// The canned policy's bytes; `None` if `url` has characters that JSON would escape.
pub(crate) fn canned(url: &str, until_seconds: u64) -> Option<String> {
    is_url_text(url).then(|| {
        format!(
            r#"{{"Statement":[{{"Resource":"{url}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{until_seconds}}}}}}}]}}"#
        )
    })
}

/// Whether every character is visible ASCII and none a quote, backslash or the start of a fragment.
pub(crate) fn is_url_text(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b'#'))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "Statement")]
    statement: Statements,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Statements {
    List([Statement; 1]),
    One(Statement),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    #[serde(rename = "Resource", default, skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
    #[serde(rename = "Condition")]
    condition: Condition,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    #[serde(rename = "DateLessThan")]
    until: Epoch,
    #[serde(rename = "DateGreaterThan", default, skip_serializing_if = "Option::is_none")]
    after: Option<Epoch>,
    #[serde(rename = "IpAddress", default, skip_serializing_if = "Option::is_none")]
    address: Option<Address>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Epoch {
    #[serde(rename = "AWS:EpochTime")]
    seconds: u64,
}

impl Epoch {
    fn moment(self) -> Result<Timestamp, Denied> {
        moment(self.seconds).ok_or(Denied::MalformedPolicy)
    }

    fn from(moment: Timestamp) -> Result<Self> {
        let seconds = moment.seconds();
        Ok(Self { seconds: u64::try_from(seconds).map_err(|_| Error::Moment { seconds })? })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Address {
    #[serde(rename = "AWS:SourceIp")]
    range: String,
}

/// The moment `seconds` after the epoch, if it fits.
pub(crate) fn moment(seconds: u64) -> Option<Timestamp> {
    i64::try_from(seconds).ok()?.checked_mul(1000).map(Timestamp)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RESOURCE: &str = "http://h/*";

    fn parse(json: &str) -> Option<Policy> {
        Policy::parse(json.as_bytes()).ok()
    }

    #[test]
    fn the_ways_that_signers_write_policies_are_read() {
        let until = Timestamp(100_000);
        let plain = Policy { resource: Some(RESOURCE.into()), after: None, until, address: None };
        let check = |json: &str, expected: Policy| assert_eq!(parse(json), Some(expected), "{json}");
        check(
            r#"{"Statement":[{"Resource":"http://h/*","Condition":{"DateLessThan":{"AWS:EpochTime":100}}}]}"#,
            plain.clone(),
        );
        check(
            "{\"Statement\": [{\n \"Condition\": {\"DateLessThan\": {\"AWS:EpochTime\": 100}},\t\"Resource\": \"http:\\/\\/h\\/*\"}]}\n",
            plain.clone(),
        );
        check(
            r#"{"Statement":{"Resource":"http://h/*","Condition":{"DateLessThan":{"AWS:EpochTime":100}}}}"#,
            plain.clone(),
        );
        check(
            r#"{"Statement": [{"Resource":"http://h/*", "Condition":{"DateLessThan":{"AWS:EpochTime":100}, "IpAddress":{"AWS:SourceIp":"0.0.0.0/0"}, "DateGreaterThan":{"AWS:EpochTime":50}}}]}"#,
            Policy {
                after: Some(Timestamp(50_000)),
                address: Some("0.0.0.0/0".parse().unwrap()),
                ..plain.clone()
            },
        );
        check(
            r#"{"Statement":[{"Condition":{"DateLessThan":{"AWS:EpochTime":100}}}]}"#,
            Policy { resource: None, ..plain },
        );
    }

    #[test]
    fn everything_else_is_malformed() {
        let until = r#""DateLessThan":{"AWS:EpochTime":100}"#;
        for bad in [
            String::new(),
            "null".into(),
            "[]".into(),
            "{}".into(),
            r#"{"Statement":[]}"#.into(),
            r#"{"Statement":[{"Resource":"x"}]}"#.into(),
            r#"{"Statement":[{"Resource":"x","Condition":{}}]}"#.into(),
            format!(r#"{{"Statement":[{{"Condition":{{{until}}}}},{{"Condition":{{{until}}}}}]}}"#),
            format!(r#"{{"Statement":[{{"Condition":{{{until},{until}}}}}]}}"#),
            format!(r#"{{"Statement":[{{"Resource":"a","Resource":"b","Condition":{{{until}}}}}]}}"#),
            format!(r#"{{"Statement":[{{"Condition":{{{until},"StringEquals":{{}}}}}}]}}"#),
            format!(r#"{{"Version":"1","Statement":[{{"Condition":{{{until}}}}}]}}"#),
            format!(r#"{{"Statement":[{{"Condition":{{{until}}}}}]}} x"#),
            format!(r#"{{"Statement":[{{"Condition":{{{until},"IpAddress":{{"AWS:SourceIp":"::/0"}}}}}}]}}"#),
            format!(
                r#"{{"Statement":[{{"Condition":{{{until},"IpAddress":{{"AWS:SourceIp":"1.2.3"}}}}}}]}}"#
            ),
            r#"{"Statement":[{"Condition":{"DateLessThan":{"AWS:EpochTime":"100"}}}]}"#.into(),
            r#"{"Statement":[{"Condition":{"DateLessThan":{"AWS:EpochTime":-1}}}]}"#.into(),
            r#"{"Statement":[{"Condition":{"DateLessThan":{"AWS:EpochTime":1e3}}}]}"#.into(),
            r#"{"Statement":[{"Condition":{"DateLessThan":{"AWS:EpochTime":18446744073709551615}}}]}"#.into(),
            "[".repeat(4096),
            format!(r#"{{"Statement":[{{"Condition":{{{until}}}}}]}}{}"#, " ".repeat(4096)),
        ] {
            assert_eq!(Policy::parse(bad.as_bytes()), Err(Denied::MalformedPolicy), "{bad}");
        }
    }

    #[test]
    fn a_policy_admits_between_its_dates_and_within_its_range() {
        let policy = Policy {
            resource: None,
            after: Some(Timestamp(10_000)),
            until: Timestamp(20_000),
            address: Some("192.0.2.0/24".parse().unwrap()),
        };
        let check = |ms, client: &str, expected| {
            assert_eq!(policy.admits(client.parse().unwrap(), Timestamp(ms)), expected);
        };
        check(10_001, "192.0.2.7", Ok(()));
        check(19_999, "::ffff:192.0.2.7", Ok(()));
        check(10_000, "192.0.2.7", Err(Denied::NotYet));
        check(20_000, "192.0.2.7", Err(Denied::Expired));
        check(15_000, "192.0.3.7", Err(Denied::Address));
        check(15_000, "2001:db8::1", Err(Denied::Address));
        let any = Policy { address: Some("0.0.0.0/0".parse().unwrap()), ..policy };
        assert_eq!(any.admits("2001:db8::1".parse().unwrap(), Timestamp(15_000)), Ok(()));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            resource in proptest::option::of("[ -~]{0,80}"),
            after in proptest::option::of(0i64..4_000_000_000),
            until in 0i64..4_000_000_000,
            bits in proptest::option::of(0u8..33),
        ) {
            let policy = Policy {
                resource,
                after: after.map(|s| Timestamp(s * 1000)),
                until: Timestamp(until * 1000),
                address: bits.map(|bits| format!("192.0.2.1/{bits}").parse().unwrap()),
            };
            prop_assert_eq!(Policy::parse(policy.to_json().unwrap().as_bytes()), Ok(policy));
        }

        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Policy::parse(&bytes);
        }
    }
}
