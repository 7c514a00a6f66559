//! Virtual-hosted style: `bucket.domain` besides `domain/bucket`.

use s3s::S3Result;
use s3s::host::{S3Host, VirtualHost};

/// Takes the bucket from hosts below the known domains; every other host means path style.
pub(crate) struct Domains(pub(crate) Vec<String>);

impl S3Host for Domains {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        Ok(match self.bucket(host) {
            Some(bucket) => VirtualHost::new(host).with_bucket(bucket),
            None => VirtualHost::new(host),
        })
    }
}

impl Domains {
    fn bucket<'a>(&self, host: &'a str) -> Option<&'a str> {
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
