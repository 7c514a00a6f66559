//! Permissions of pages in browsers (Fetch §3.2): those of the installation's own public address send presigned
//! parts; for other origins the rules of the bucket apply. Nothing is ever sent with cookies.

use blob::CorsRule;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderName, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue};

/// Request headers that an answer depends on.
const VARIES: HeaderValue =
    HeaderValue::from_static("Origin, Access-Control-Request-Headers, Access-Control-Request-Method");

/// The rule for the installation's own pages: they may PUT with what a presigned part needs, and read the answer's ETag.
pub(crate) fn own(origins: &[String]) -> CorsRule {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    CorsRule {
        id: None,
        origins: origins.to_vec(),
        methods: list(&["PUT"]),
        headers: list(&["content-type", "content-md5", "x-amz-checksum-crc32"]),
        exposed: list(&["ETag", "x-amz-checksum-crc32", "x-amz-request-id"]),
        max_age_seconds: Some(3600),
    }
}

/// A page's request.
pub(crate) struct Asked<'a> {
    origin: &'a str,
    method: &'a str,
    /// Names of headers in lower case.
    headers: Vec<String>,
}

impl<'a> Asked<'a> {
    /// Reads a question before the request (a preflight); `None` if it is not one.
    pub(crate) fn before(headers: &'a HeaderMap) -> Option<Self> {
        let named = headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter();
        let named = named.flat_map(|line| line.to_str().unwrap_or("?").split(','));
        Some(Self {
            origin: only(headers, &ORIGIN)?,
            method: only(headers, &ACCESS_CONTROL_REQUEST_METHOD)?,
            headers: named
                .map(|name| name.trim().to_ascii_lowercase())
                .filter(|name| !name.is_empty())
                .collect(),
        })
    }

    /// Reads the request of a page; `None` if no page sent it.
    pub(crate) fn with(method: &'a http::Method, headers: &'a HeaderMap) -> Option<Self> {
        Some(Self { origin: only(headers, &ORIGIN)?, method: method.as_str(), headers: Vec::new() })
    }

    /// The first rule that allows it, and the origin that the browser is told.
    pub(crate) fn find<'r>(&self, rules: impl IntoIterator<Item = &'r CorsRule>) -> Option<Granted<'r>> {
        rules.into_iter().find_map(|rule| {
            let origin = rule.origins.iter().find(|pattern| fits(pattern, self.origin))?;
            let headers = || rule.headers.iter().map(|header| header.to_ascii_lowercase());
            let allowed = rule.methods.iter().any(|method| method == self.method)
                && self.headers.iter().all(|name| headers().any(|pattern| fits(&pattern, name)));
            let told = if origin == "*" { "*" } else { self.origin };
            allowed.then_some(Granted { rule, origin: HeaderValue::from_str(told).ok()? })
        })
    }
}

/// The value of a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Whether a text is what a pattern says, in which one `*` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, end)) => {
            text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end)
        }
    }
}

/// Permissions of a page.
pub(crate) struct Granted<'r> {
    rule: &'r CorsRule,
    origin: HeaderValue,
}

impl Granted<'_> {
    /// Says before the request what may be sent.
    pub(crate) fn allow(&self, asked: &Asked<'_>, headers: &mut HeaderMap) {
        self.expose(headers);
        put(headers, ACCESS_CONTROL_ALLOW_HEADERS, &asked.headers);
        if let Some(seconds) = self.rule.max_age_seconds {
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(seconds));
        }
    }

    /// Lets the page read an answer, errors too.
    pub(crate) fn expose(&self, headers: &mut HeaderMap) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.origin.clone());
        put(headers, ACCESS_CONTROL_ALLOW_METHODS, &self.rule.methods);
        put(headers, ACCESS_CONTROL_EXPOSE_HEADERS, &self.rule.exposed);
        headers.append(VARY, VARIES);
    }
}

fn put(headers: &mut HeaderMap, name: HeaderName, list: &[String]) {
    if let Some(value) = HeaderValue::from_str(&list.join(", ")).ok().filter(|value| !value.is_empty()) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    fn rule(origins: &[&str], methods: &[&str], headers: &[&str]) -> CorsRule {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        CorsRule {
            origins: list(origins),
            methods: list(methods),
            headers: list(headers),
            ..CorsRule::default()
        }
    }

    fn asked(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let header = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(header).collect()
    }

    #[test]
    fn one_star_stands_for_anything() {
        for (pattern, text, expected) in [
            ("*", "https://a.example", true),
            ("https://*.example", "https://a.b.example", true),
            ("https://*.example", "https://.example", true),
            ("https://*.example", "https://example", false),
            ("https://a*a", "https://a", false),
            ("https://a.example", "https://a.example", true),
            ("https://a.example", "https://a.example.evil", false),
            ("x-amz-*", "x-amz-meta-a", true),
            ("", "", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_rule_allows_origin_method_and_every_header_or_nothing() {
        let rules = [
            rule(&["https://a.example"], &["PUT"], &["Content-Type", "x-amz-meta-*"]),
            rule(&["*"], &["GET"], &[]),
        ];
        let check = |origin, method, headers, expected: Option<&str>| {
            let headers = asked(&[
                ("origin", origin),
                ("access-control-request-method", method),
                ("access-control-request-headers", headers),
            ]);
            let granted = Asked::before(&headers).unwrap().find(&rules).map(|granted| granted.origin);
            assert_eq!(
                granted.as_ref().and_then(|o| o.to_str().ok()),
                expected,
                "{origin} {method} {headers:?}"
            );
        };
        check("https://a.example", "PUT", "content-type, X-Amz-Meta-Who", Some("https://a.example"));
        check("https://a.example", "PUT", "authorization", None);
        check("https://b.example", "PUT", "", None);
        check("https://b.example", "GET", "", Some("*"));
        check("https://b.example", "GET", "content-type", None);
        check("https://a.example", "DELETE", "", None);
    }

    #[test]
    fn who_is_no_page_asks_nothing() {
        assert!(Asked::before(&asked(&[("origin", "https://a.example")])).is_none());
        assert!(Asked::before(&asked(&[("access-control-request-method", "PUT")])).is_none());
        assert!(Asked::with(&Method::GET, &HeaderMap::new()).is_none());
        let mut twice = asked(&[("origin", "https://a.example")]);
        twice.append(ORIGIN, HeaderValue::from_static("https://b.example"));
        assert!(Asked::with(&Method::GET, &twice).is_none());
    }

    #[test]
    fn the_page_is_told_what_it_asked_for() {
        let rules = [CorsRule {
            exposed: vec!["ETag".into()],
            max_age_seconds: Some(60),
            ..rule(&["https://*"], &["PUT", "GET"], &["*"])
        }];
        let headers = asked(&[
            ("origin", "https://a.example"),
            ("access-control-request-method", "PUT"),
            ("access-control-request-headers", "X-A,x-b"),
        ]);
        let question = Asked::before(&headers).unwrap();
        let mut told = HeaderMap::new();
        question.find(&rules).unwrap().allow(&question, &mut told);
        assert_eq!(told[ACCESS_CONTROL_ALLOW_ORIGIN], "https://a.example");
        assert_eq!(told[ACCESS_CONTROL_ALLOW_METHODS], "PUT, GET");
        assert_eq!(told[ACCESS_CONTROL_ALLOW_HEADERS], "x-a, x-b");
        assert_eq!(told[ACCESS_CONTROL_EXPOSE_HEADERS], "ETag");
        assert_eq!(told[ACCESS_CONTROL_MAX_AGE], "60");
        assert!(told.contains_key(VARY));
    }
}
