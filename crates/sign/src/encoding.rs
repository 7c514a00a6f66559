//! The three spellings of bytes: CloudFront's base64, base64url and PEM.

use base64::Engine;
use base64::alphabet::Alphabet;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::error::{Error, Result};

/// Base64 with `-` for `+` and `~` for `/`; the padding `_` for `=` is handled around it.
static CLOUDFRONT: GeneralPurpose = GeneralPurpose::new(
    &match Alphabet::new("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-~") {
        Ok(alphabet) => alphabet,
        Err(_) => panic!("64 different characters"),
    },
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// Writes bytes in CloudFront's base64, padded.
pub(crate) fn to_cloudfront(bytes: &[u8]) -> String {
    let mut text = CLOUDFRONT.encode(bytes);
    while !text.len().is_multiple_of(4) {
        text.push('_');
    }
    text
}

/// Reads CloudFront's base64 of at most `most` characters, with or without its padding.
pub(crate) fn from_cloudfront(text: &str, most: usize) -> Option<Vec<u8>> {
    if text.len() > most {
        return None;
    }
    let body = text.trim_end_matches('_');
    let padding = text.len() - body.len();
    if padding > 0 && (padding > 2 || !text.len().is_multiple_of(4)) {
        return None;
    }
    CLOUDFRONT.decode(body).ok()
}

/// Writes bytes in base64url without padding.
pub(crate) fn to_base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads base64url without padding of at most `most` characters.
pub(crate) fn from_base64url(text: &str, most: usize) -> Option<Vec<u8>> {
    if text.len() > most {
        return None;
    }
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Reads the DER inside a PEM text (RFC 7468) of at most 16 KiB.
pub(crate) fn from_pem(id: &str, label: &'static str, pem: &str) -> Result<Vec<u8>> {
    let bad = || Error::Pem { id: id.to_owned(), label };
    if pem.len() > 16 * 1024 {
        return Err(bad());
    }
    let begin = format!("-----BEGIN {label}-----");
    let end = format!("-----END {label}-----");
    let (_, rest) = pem.split_once(&begin).ok_or_else(bad)?;
    let (body, _) = rest.split_once(&end).ok_or_else(bad)?;
    let body: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(body).map_err(|_| bad())
}

/// Writes DER as PEM (RFC 7468).
pub(crate) fn to_pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in body.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|&b| char::from(b)));
        pem.push('\n');
    }
    pem.push_str("-----END ");
    pem.push_str(label);
    pem.push_str("-----\n");
    pem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cloudfront_base64_takes_its_padding_or_none() {
        assert_eq!(to_cloudfront(&[0xfb, 0xff]), "-~8_");
        for good in ["-~8_", "-~8"] {
            assert_eq!(from_cloudfront(good, 10), Some(vec![0xfb, 0xff]), "{good}");
        }
        for bad in ["+/8=", "-~8=", "-~8__", "-~8_ ", "-_~8", "A", "-~9", "____", "é"] {
            assert_eq!(from_cloudfront(bad, 10), None, "{bad}");
        }
        assert_eq!(from_cloudfront("AAAA", 3), None);
    }

    #[test]
    fn pem_round_trips() {
        let der: Vec<u8> = (0..200).collect();
        assert_eq!(from_pem("k", "X", &to_pem("X", &der)), Ok(der.clone()));
        assert!(from_pem("k", "Y", &to_pem("X", &der)).is_err());
        assert!(from_pem("k", "X", "-----BEGIN X-----\n!\n-----END X-----").is_err());
    }
}
