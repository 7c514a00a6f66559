//! Resolves addresses to buckets and keys, also in virtual-hosted style (`bucket.domain` besides `domain/bucket`).

use http::header::HOST;
use http::request::Parts;
use http::{Extensions, HeaderMap};
use percent_encoding::percent_decode_str;
use s3s::S3Result;
use s3s::host::{S3Host, VirtualHost};

/// Takes the bucket from hosts below the known domains; every other host means path style.
#[derive(Debug, Clone)]
pub(crate) struct Domains(pub(crate) Vec<String>);

/// The target of an address.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) bucket: Option<String>,
    /// Empty if it names no object.
    pub(crate) key: String,
}

/// How clients reach this face: `http` or `https`, which a proxy in front may speak in its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scheme(pub(crate) &'static str);

/// Scheme and host of a request, as its sender wrote them.
pub(crate) fn origin(headers: &HeaderMap, extensions: &Extensions) -> String {
    let scheme = extensions.get::<Scheme>().map_or("http", |scheme| scheme.0);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    format!("{scheme}://{host}")
}

impl S3Host for Domains {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        Ok(match self.bucket(host) {
            Some(bucket) => VirtualHost::new(host).with_bucket(bucket),
            None => VirtualHost::new(host),
        })
    }
}

impl Domains {
    /// The target of a request's host and path, whether the names are valid or not.
    pub(crate) fn path(&self, request: &Parts) -> Place {
        let path = percent_decode_str(request.uri.path()).decode_utf8_lossy();
        let path = path.strip_prefix('/').unwrap_or(&path);
        let host = request.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if let Some(bucket) = self.bucket(host) {
            return Place { bucket: Some(bucket.to_owned()), key: path.to_owned() };
        }
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        Place { bucket: Some(bucket.to_owned()).filter(|name| !name.is_empty()), key: key.to_owned() }
    }

    /// The bucket that a host name begins with.
    pub(crate) fn bucket<'a>(&self, host: &'a str) -> Option<&'a str> {
        let name = host.rsplit_once(':').map_or(host, |(name, _port)| name);
        let below = |domain: &String| {
            let at = name.len().checked_sub(domain.len())?;
            let (bucket, rest) = (name.get(..at)?, name.get(at..)?);
            bucket.strip_suffix('.').filter(|_| rest.eq_ignore_ascii_case(domain))
        };
        self.0.iter().find_map(below).filter(|bucket| !bucket.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_buckets_in_both_ways() {
        let domains = Domains(vec!["localhost".into()]);
        let check = |host, path, bucket: Option<&str>, key| {
            let request = http::Request::builder().uri(path).header("host", host).body(()).unwrap();
            let place = domains.path(&request.into_parts().0);
            assert_eq!((place.bucket.as_deref(), place.key.as_str()), (bucket, key), "{host}{path}");
        };
        check("127.0.0.1:9000", "/source", Some("source"), "");
        check("127.0.0.1:9000", "/source/?cors", Some("source"), "");
        check("127.0.0.1:9000", "/source/a%20b//c", Some("source"), "a b//c");
        check("127.0.0.1:9000", "/", None, "");
        check("source.localhost:9000", "/", Some("source"), "");
        check("source.localhost", "/a/b", Some("source"), "a/b");
    }

    #[test]
    fn buckets_stand_before_known_domains_only() {
        let domains = Domains(vec!["localhost".into(), "s3.example.org".into()]);
        let check = |host, expected| assert_eq!(domains.bucket(host), expected, "{host}");
        check("localhost:9000", None);
        check("source.localhost:9000", Some("source"));
        check("a.b.s3.example.org", Some("a.b"));
        check("source.S3.Example.org", Some("source"));
        check(".localhost", None);
        check("xlocalhost", None);
        check("example.org", None);
        check("ü", None);
    }
}
