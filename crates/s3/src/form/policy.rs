//! Policies of forms: the signed conditions that the author of a form sets for its sender
//! (Amazon S3 API reference, "Creating a POST policy").

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use s3s::{S3Error, S3Result, s3_error};
use serde_json::Value;

/// A policy.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Policy {
    expires: Timestamp,
    conditions: Vec<Condition>,
    /// How many bytes the file may have.
    pub(super) length: RangeInclusive<u64>,
}

#[derive(Debug, PartialEq, Eq)]
struct Condition {
    /// The field's name in lower case.
    field: String,
    kind: Kind,
    text: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Equals,
    StartsWith,
}

impl Policy {
    /// Reads a policy in Base64, for files of at most `limit` bytes.
    pub(super) fn read(text: &str, limit: u64) -> S3Result<Self> {
        let bytes = STANDARD.decode(text).map_err(|_| invalid("it is not Base64"))?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| invalid("it is not JSON"))?;
        let expires =
            value.get("expiration").and_then(Value::as_str).ok_or_else(|| invalid("no expiration"))?;
        let listed =
            value.get("conditions").and_then(Value::as_array).ok_or_else(|| invalid("no conditions"))?;
        let mut policy = Self {
            expires: expires.parse().map_err(|_| invalid("the expiration is not a moment"))?,
            conditions: Vec::new(),
            length: 0..=limit,
        };
        for condition in listed {
            policy.add(condition).ok_or_else(|| invalid("a condition cannot be read"))?;
        }
        Ok(policy)
    }

    fn add(&mut self, condition: &Value) -> Option<()> {
        match condition {
            Value::Object(pairs) => {
                for (field, text) in pairs {
                    self.conditions.push(Condition {
                        field: field.to_ascii_lowercase(),
                        kind: Kind::Equals,
                        text: text.as_str()?.to_owned(),
                    });
                }
            }
            Value::Array(items) => {
                let [kind, field, text] = items.as_slice() else { return None };
                let kind = match kind.as_str()?.to_ascii_lowercase().as_str() {
                    "eq" => Kind::Equals,
                    "starts-with" => Kind::StartsWith,
                    "content-length-range" => {
                        let (min, max) = (field.as_u64()?, text.as_u64()?);
                        self.length = min.max(*self.length.start())..=max.min(*self.length.end());
                        return Some(());
                    }
                    _ => return None,
                };
                let field = field.as_str()?.strip_prefix('$')?.to_ascii_lowercase();
                self.conditions.push(Condition { field, kind, text: text.as_str()?.to_owned() });
            }
            _ => return None,
        }
        Some(())
    }

    /// Refuses a form that is late or not what was signed: every condition holds, and every field has one. So has the
    /// bucket, or a form for one would be good for all that the key opens.
    pub(super) fn check(
        &self,
        fields: &[(String, String)],
        bucket: &str,
        now: model::Timestamp,
    ) -> S3Result<()> {
        if now.0 >= self.expires.as_millisecond() {
            return Err(denied("Policy expired."));
        }
        let value = |name: &str| match name {
            "bucket" => Some(bucket),
            name => fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str()),
        };
        if let Some(broken) =
            self.conditions.iter().find(|condition| !condition.holds(value(&condition.field)))
        {
            return Err(denied(&format!("Policy condition failed for {}.", broken.field)));
        }
        let free = |name: &str| {
            matches!(name, "x-amz-signature" | "policy" | "file") || name.starts_with("x-ignore-")
        };
        let named = |name: &str| self.conditions.iter().any(|condition| condition.field == name);
        let names = fields.iter().map(|(name, _)| name.as_str());
        if let Some(name) = names.chain(["bucket"]).find(|name| !free(name) && !named(name)) {
            return Err(denied(&format!("Extra input fields: {name}.")));
        }
        match fields.iter().any(|(name, value)| name == "bucket" && value != bucket) {
            true => Err(denied("The bucket is not that of the address.")),
            false => Ok(()),
        }
    }
}

impl Condition {
    fn holds(&self, value: Option<&str>) -> bool {
        match self.kind {
            Kind::Equals => value == Some(&self.text),
            // Of a list of types each must.
            Kind::StartsWith if self.field == "content-type" => {
                value.unwrap_or_default().split(',').all(|kind| kind.trim_start().starts_with(&self.text))
            }
            Kind::StartsWith => value.unwrap_or_default().starts_with(&self.text),
        }
    }
}

fn invalid(why: &str) -> S3Error {
    s3_error!(InvalidPolicyDocument, "The policy of the form cannot be read: {why}.")
}

fn denied(why: &str) -> S3Error {
    s3_error!(AccessDenied, "Invalid according to policy: {why}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy(conditions: &str) -> S3Result<Policy> {
        let text = format!(r#"{{"expiration": "2030-01-01T00:00:00.000Z", "conditions": {conditions}}}"#);
        Policy::read(&STANDARD.encode(text), 1000)
    }

    fn at(text: &str) -> model::Timestamp {
        model::Timestamp(text.parse::<Timestamp>().expect("a moment").as_millisecond())
    }

    fn allows(conditions: &str, fields: &[(&str, &str)]) -> bool {
        let fields: Vec<(String, String)> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        policy(conditions).unwrap().check(&fields, "source", at("2029-12-31T23:59:59Z")).is_ok()
    }

    #[test]
    fn every_condition_holds_and_every_field_has_one() {
        let good =
            r#"[{"bucket": "source"}, ["starts-with", "$Key", "films/"], ["eq", "$x-amz-meta-who", "me"]]"#;
        let fields = [("key", "films/a"), ("x-amz-meta-who", "me"), ("policy", "…"), ("x-ignore-a", "b")];
        assert!(allows(good, &fields));
        assert!(!allows(good, &[("key", "songs/a"), ("x-amz-meta-who", "me")]));
        assert!(!allows(good, &[("key", "films/a"), ("x-amz-meta-who", "Me")]));
        assert!(!allows(good, &[("key", "films/a")]));
        assert!(!allows(good, &[("key", "films/a"), ("x-amz-meta-who", "me"), ("acl", "private")]));
        assert!(!allows(
            good,
            &[("key", "films/a"), ("x-amz-meta-who", "me"), ("bucket", "source")]
                .map(|(n, v)| (n, if n == "bucket" { "other" } else { v }))
        ));
        assert!(!allows(r#"[{"bucket": "other"}]"#, &[]));
        assert!(!allows(r#"[{"bucket": "source"}]"#, &[("key", "a")]));
        let any = r#"[{"bucket": "source"}, ["starts-with", "$key", ""]]"#;
        assert!(allows(any, &[("key", "anything")]));
    }

    #[test]
    fn a_policy_names_its_bucket() {
        assert!(allows(r#"[{"bucket": "source"}]"#, &[]));
        assert!(allows(r#"[["starts-with", "$bucket", "so"]]"#, &[]));
        assert!(!allows("[]", &[]));
        assert!(!allows(r#"[["starts-with", "$key", ""]]"#, &[("key", "anything")]));
        // A field says nothing that is signed.
        let said = [("key", "anything"), ("bucket", "source")];
        assert!(!allows(r#"[["starts-with", "$key", ""]]"#, &said));
    }

    #[test]
    fn every_type_of_a_list_is_judged() {
        let images = r#"[{"bucket": "source"}, ["starts-with", "$Content-Type", "image/"]]"#;
        assert!(allows(images, &[("content-type", "image/png, image/jpeg")]));
        assert!(!allows(images, &[("content-type", "image/png, text/html")]));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in ".*", conditions in "[\\[\\]{}\",:$0-9a-z-]{0,60}") {
            let _ = Policy::read(&text, 1);
            let _ = policy(&conditions);
        }
    }

    #[test]
    fn late_is_late() {
        let policy = policy(r#"[{"bucket": "source"}]"#).unwrap();
        assert!(policy.check(&[], "source", at("2029-12-31T23:59:59.999Z")).is_ok());
        assert!(policy.check(&[], "source", at("2030-01-01T00:00:00Z")).is_err());
    }

    #[test]
    fn lengths_are_what_all_conditions_and_the_server_allow() {
        let check =
            |conditions, expected| assert_eq!(policy(conditions).unwrap().length, expected, "{conditions}");
        check("[]", 0..=1000);
        check(r#"[["content-length-range", 5, 10]]"#, 5..=10);
        check(r#"[["content-length-range", 5, 5000], ["content-length-range", 7, 90]]"#, 7..=90);
        check(r#"[["content-length-range", 0, 5000]]"#, 0..=1000);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for bad in [
            "{}",
            "[1]",
            "[[]]",
            r#"[["eq", "$key"]]"#,
            r#"[["eq", "key", "a"]]"#,
            r#"[["ends-with", "$key", "a"]]"#,
            r#"[{"key": 1}]"#,
            r#"[["content-length-range", -1, 5]]"#,
            r#"[["content-length-range", 0]]"#,
            r#"[["content-length-range", "0", 5]]"#,
        ] {
            assert!(policy(bad).is_err(), "{bad}");
        }
        let read =
            |text: &str| Policy::read(&STANDARD.encode(text), 1).unwrap_err().code().as_str().to_owned();
        for bad in [
            "",
            "{",
            r#"{"conditions": []}"#,
            r#"{"expiration": "2030-01-01T00:00:00Z"}"#,
            r#"{"expiration": "tomorrow", "conditions": []}"#,
            r#"{"Expiration": "2030-01-01T00:00:00Z", "conditions": []}"#,
        ] {
            assert_eq!(read(bad), "InvalidPolicyDocument", "{bad}");
        }
        assert!(Policy::read("%", 1).is_err());
    }
}
