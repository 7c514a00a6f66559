//! S3's checksum headers and fields.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blob::{Algorithm, Checksum};
use http::HeaderMap;
use s3s::dto::{ChecksumAlgorithm, ChecksumType};
use s3s::{S3Result, TrailingHeaders, s3_error};

use crate::error::not_offered;

/// The checksum among an input's five fields; more than one is an error.
macro_rules! given {
    ($input:expr) => {
        $crate::checksum::one([
            (blob::Algorithm::Crc32, $input.checksum_crc32.as_deref()),
            (blob::Algorithm::Crc32c, $input.checksum_crc32c.as_deref()),
            (blob::Algorithm::Crc64Nvme, $input.checksum_crc64nvme.as_deref()),
            (blob::Algorithm::Sha1, $input.checksum_sha1.as_deref()),
            (blob::Algorithm::Sha256, $input.checksum_sha256.as_deref()),
        ])
    };
}
pub(crate) use given;

/// Writes a checksum into one of an output's five fields.
macro_rules! fill {
    ($output:expr, $checksum:expr) => {
        if let Some(checksum) = $checksum {
            let text = Some($crate::checksum::text(checksum));
            match checksum.algorithm {
                blob::Algorithm::Crc32 => $output.checksum_crc32 = text,
                blob::Algorithm::Crc32c => $output.checksum_crc32c = text,
                blob::Algorithm::Crc64Nvme => $output.checksum_crc64nvme = text,
                blob::Algorithm::Sha1 => $output.checksum_sha1 = text,
                blob::Algorithm::Sha256 => $output.checksum_sha256 = text,
            }
        }
    };
}
pub(crate) use fill;

pub(crate) fn one(fields: [(Algorithm, Option<&str>); 5]) -> S3Result<Option<Checksum>> {
    let mut found = None;
    for (algorithm, text) in fields {
        let Some(text) = text else { continue };
        if found.is_some() {
            return Err(s3_error!(InvalidRequest, "Send only one x-amz-checksum header."));
        }
        found = Some(read(algorithm, text)?);
    }
    Ok(found)
}

fn read(algorithm: Algorithm, text: &str) -> S3Result<Checksum> {
    let bad = || s3_error!(BadDigest, "Invalid value of x-amz-checksum-{}.", algorithm.as_str());
    // The object's composite checksum has the number of parts behind it.
    let (digest, parts) = match text.split_once('-') {
        Some((digest, parts)) => (digest, Some(parts.parse().map_err(|_| bad())?)),
        None => (text, None),
    };
    let value = STANDARD.decode(digest).map_err(|_| bad())?;
    let whole = Checksum::new(algorithm, &value).ok_or_else(bad)?;
    Ok(Checksum { composite: parts, ..whole })
}

pub(crate) fn text(checksum: &Checksum) -> String {
    let digest = STANDARD.encode(&checksum.value);
    checksum.composite.map_or(digest.clone(), |parts| format!("{digest}-{parts}"))
}

pub(crate) fn kind(checksum: &Checksum) -> ChecksumType {
    ChecksumType::from_static(match checksum.composite {
        Some(_) => ChecksumType::COMPOSITE,
        None => ChecksumType::FULL_OBJECT,
    })
}

pub(crate) fn name(algorithm: Algorithm) -> ChecksumAlgorithm {
    ChecksumAlgorithm::from(algorithm.as_str().to_ascii_uppercase())
}

pub(crate) fn algorithm(name: &str) -> S3Result<Algorithm> {
    Algorithm::parse(name).ok_or_else(|| s3_error!(InvalidRequest, "Unknown checksum algorithm {name}."))
}

/// `Content-MD5`.
pub(crate) fn md5(headers: &HeaderMap) -> S3Result<Option<[u8; 16]>> {
    let Some(text) = headers.get("content-md5") else { return Ok(None) };
    let digest = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    digest.map(Some).ok_or_else(|| s3_error!(InvalidDigest, "Content-MD5 is not 16 bytes in Base64."))
}

/// Headers that begin as those of checksums do and have none.
const ABOUT: [&str; 3] = ["algorithm", "mode", "type"];

/// Refuses a checksum that would not be verified.
pub(crate) fn all_known(headers: &HeaderMap) -> S3Result<()> {
    let named = headers.keys().filter_map(|name| name.as_str().strip_prefix("x-amz-checksum-"));
    match named.into_iter().find(|name| !ABOUT.contains(name) && Algorithm::parse(name).is_none()) {
        Some(unknown) => Err(not_offered(&format!("checksums of the algorithm {unknown}"))),
        None => Ok(()),
    }
}

/// The checksum that will follow the body, by its name in `x-amz-trailer`.
pub(crate) fn announced(headers: &HeaderMap) -> S3Result<Option<Algorithm>> {
    let mut all = headers.get_all("x-amz-trailer").iter();
    let Some(names) = all.next() else { return Ok(None) };
    if all.next().is_some() {
        return Err(s3_error!(InvalidRequest, "Announce only one trailer."));
    }
    let names = names.to_str().unwrap_or_default();
    match names.trim().to_ascii_lowercase().strip_prefix("x-amz-checksum-").map(algorithm) {
        Some(algorithm) => algorithm.map(Some),
        None => Err(s3_error!(InvalidRequest, "x-amz-trailer names no checksum.")),
    }
}

/// The checksum that followed the body.
pub(crate) fn trailing(algorithm: Algorithm, trailers: Option<&TrailingHeaders>) -> S3Result<Checksum> {
    let name = format!("x-amz-checksum-{}", algorithm.as_str());
    let text = trailers.and_then(TrailingHeaders::take).and_then(|headers| {
        let value = headers.get(name.as_str())?;
        value.to_str().ok().map(|text| text.trim().to_owned())
    });
    let text = text.ok_or_else(|| s3_error!(InvalidRequest, "The trailer {name} is missing."))?;
    read(algorithm, &text)
}

/// Refuses a checksum that followed the body and was not announced.
pub(crate) fn none_trailing(trailers: Option<&TrailingHeaders>) -> S3Result<()> {
    let headers = trailers.and_then(TrailingHeaders::take).unwrap_or_default();
    match headers.keys().find(|name| name.as_str().starts_with("x-amz-checksum-")) {
        Some(name) => {
            Err(s3_error!(InvalidRequest, "The trailer {name} was not announced by x-amz-trailer."))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_written_in_base64() {
        let crc = Algorithm::Crc32.of(b"123456789");
        assert_eq!(text(&crc), "y/Q5Jg==");
        assert_eq!(read(Algorithm::Crc32, "y/Q5Jg==").unwrap(), crc);
        let composite = Checksum { composite: Some(3), ..crc };
        assert_eq!(read(Algorithm::Crc32, &text(&composite)).unwrap(), composite);
    }

    #[test]
    fn wrong_digests_and_more_than_one_are_refused() {
        for bad in ["", "AAAA", "not base64", "y/Q5Jg==-x"] {
            assert!(read(Algorithm::Crc32, bad).is_err(), "{bad}");
        }
        let crc = (Algorithm::Crc32, Some("y/Q5Jg=="));
        let none = (Algorithm::Sha1, None);
        assert!(one([crc, none, none, none, none]).unwrap().is_some());
        assert!(one([crc, none, crc, none, none]).is_err());
    }

    #[test]
    fn an_md5_is_whole_or_absent() {
        let check = |text: &'static str| {
            let value = http::HeaderValue::from_static(text);
            md5(&HeaderMap::from_iter([(http::header::HeaderName::from_static("content-md5"), value)]))
        };
        assert_eq!(md5(&HeaderMap::new()).unwrap(), None);
        assert_eq!(check("AAAAAAAAAAAAAAAAAAAAAA==").unwrap(), Some([0; 16]));
        assert!(check("AAAA").is_err() && check("").is_err() && check("?").is_err());
    }

    #[test]
    fn the_trailer_names_its_checksum() {
        let check = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-amz-trailer", value.parse().unwrap());
            announced(&headers)
        };
        assert_eq!(check("x-amz-checksum-crc32").unwrap(), Some(Algorithm::Crc32));
        assert_eq!(check("X-Amz-Checksum-SHA256").unwrap(), Some(Algorithm::Sha256));
        for bad in ["x-other", "x-amz-checksum-sha512", "x-amz-checksum-crc32,x-amz-checksum-sha256"] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert_eq!(announced(&HeaderMap::new()).unwrap(), None);
        let mut two = HeaderMap::new();
        for name in ["x-amz-checksum-crc32", "x-amz-checksum-sha256"] {
            two.append("x-amz-trailer", name.parse().unwrap());
        }
        assert!(announced(&two).is_err());
    }

    #[test]
    fn a_checksum_that_nobody_would_verify_is_refused() {
        let check = |name: &'static str| {
            let name = http::HeaderName::from_static(name);
            all_known(&HeaderMap::from_iter([(name, http::HeaderValue::from_static("AAAA"))])).is_ok()
        };
        for name in ["xxhash64", "xxhash3", "xxhash128", "sha512", "md5", "new", ""] {
            assert!(!check(Box::leak(format!("x-amz-checksum-{name}").into_boxed_str())), "{name}");
        }
        for name in ["crc32", "crc32c", "crc64nvme", "sha1", "sha256", "mode", "type", "algorithm"] {
            assert!(check(Box::leak(format!("x-amz-checksum-{name}").into_boxed_str())), "{name}");
        }
        assert!(check("x-amz-meta-md5"));
    }
}
