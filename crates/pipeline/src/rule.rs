//! Rules: which uploads become titles, and with which job template.

use model::title::Visibility;
use model::{BucketName, Key};
use serde::{Deserialize, Serialize};

/// Bucket, prefix and suffix → job template. The first rule that matches counts; an upload that none matches is kept
/// and starts nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Bucket that was written.
    pub bucket: BucketName,
    /// Prefix of the key; empty matches all.
    #[serde(default)]
    pub prefix: String,
    /// Suffix of the key; empty matches all.
    #[serde(default)]
    pub suffix: String,
    /// Name of the job template.
    pub template: String,
    /// Fate of the upload once its title is published.
    #[serde(default)]
    pub source: AfterPublish,
    /// Visibility of the title until somebody changes it; when absent, that of the pipeline's settings.
    #[serde(default)]
    pub visibility: Option<Visibility>,
}

/// Fate of an upload once its title is published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AfterPublish {
    /// It is kept: the title can be re-encoded.
    #[default]
    #[serde(rename = "keep")]
    Keep,
    /// It is deleted: the title cannot be re-encoded, and its disk space is freed.
    #[serde(rename = "drop after encode", alias = "drop")]
    Drop,
}

impl Rule {
    /// `source/reference/…` is encoded as the reference workflow does, everything else in `source` by size.
    pub fn defaults() -> Vec<Self> {
        let rule = |prefix: &str, template: &str| Self {
            bucket: BucketName::source(),
            prefix: prefix.into(),
            suffix: String::new(),
            template: template.into(),
            source: AfterPublish::Keep,
            visibility: None,
        };
        vec![rule("reference/", "reference"), rule("", "standard")]
    }

    /// Whether the rule speaks of this object.
    pub fn matches(&self, bucket: &BucketName, key: &Key) -> bool {
        self.bucket == *bucket
            && key.as_str().starts_with(&self.prefix)
            && key.as_str().ends_with(&self.suffix)
    }
}

/// The first rule that matches.
pub(crate) fn find<'a>(rules: &'a [Rule], bucket: &BucketName, key: &Key) -> Option<&'a Rule> {
    rules.iter().find(|rule| rule.matches(bucket, key))
}

/// Its template.
pub(crate) fn template<'a>(rules: &'a [Rule], bucket: &BucketName, key: &Key) -> Option<&'a str> {
    find(rules, bucket, key).map(|rule| rule.template.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &str, bucket: &str, expected: Option<&str>) {
        let mut rules = Rule::defaults();
        rules.insert(
            0,
            Rule {
                bucket: "source".parse().unwrap(),
                prefix: "in/".into(),
                suffix: ".mov".into(),
                template: "raw".into(),
                source: AfterPublish::Drop,
                visibility: None,
            },
        );
        assert_eq!(
            template(&rules, &bucket.parse().unwrap(), &key.parse().unwrap()),
            expected,
            "{bucket}/{key}"
        );
    }

    #[test]
    fn the_first_rule_that_matches_counts() {
        check("in/a.mov", "source", Some("raw"));
        check("in/a.mp4", "source", Some("standard"));
        check("reference/a.mp4", "source", Some("reference"));
        check("a.mov", "source", Some("standard"));
        check("a.mov", "media", None);
    }
}
