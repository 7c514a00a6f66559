//! Address ranges.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A range of addresses such as `192.0.2.0/24` or `2001:db8::/32`; a lone address is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cidr {
    address: IpAddr,
    bits: u8,
}

/// A text that is not an address range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an address range such as 192.0.2.0/24")]
pub struct ParseCidrError {
    /// The given text, cut to 64 characters.
    pub text: String,
}

impl Cidr {
    /// Whether `address` lies in the range. IPv4 addresses written as IPv6 (`::ffff:192.0.2.1`) count as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(one)) => {
                let shift = 32 - u32::from(self.bits);
                u32::from(net).checked_shr(shift) == u32::from(one).checked_shr(shift)
            }
            (IpAddr::V6(net), IpAddr::V6(one)) => {
                let shift = 128 - u32::from(self.bits);
                u128::from(net).checked_shr(shift) == u128::from(one).checked_shr(shift)
            }
            _ => false,
        }
    }

    /// How many leading bits every address of the range shares.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// Whether this is `0.0.0.0/0`, which signers write for "any address" and means IPv6 viewers too.
    pub fn is_any_v4(&self) -> bool {
        self.bits == 0 && self.address.is_ipv4()
    }

    /// Whether this is a range of IPv4 addresses.
    pub fn is_v4(&self) -> bool {
        self.address.is_ipv4()
    }
}

impl FromStr for Cidr {
    type Err = ParseCidrError;

    fn from_str(text: &str) -> Result<Self, ParseCidrError> {
        let bad = || ParseCidrError { text: text.chars().take(64).collect() };
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().map_err(|_| bad())?
            }
            Some(_) => return Err(bad()),
        };
        if bits > most { Err(bad()) } else { Ok(Self { address, bits }) }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl Serialize for Cidr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_contain_what_they_cover() {
        let check = |range: &str, address: &str, expected| {
            let range: Cidr = range.parse().unwrap();
            assert_eq!(range.contains(address.parse().unwrap()), expected, "{range} {address}");
        };
        check("192.0.2.0/24", "192.0.2.255", true);
        check("192.0.2.77/24", "192.0.2.1", true);
        check("192.0.2.0/24", "192.0.3.0", false);
        check("192.0.2.1", "192.0.2.1", true);
        check("192.0.2.1/32", "192.0.2.2", false);
        check("0.0.0.0/0", "203.0.113.9", true);
        check("192.0.2.0/24", "::ffff:192.0.2.9", true);
        check("192.0.2.0/24", "2001:db8::1", false);
        check("2001:db8::/32", "2001:db8:ffff::1", true);
        check("2001:db8::/32", "2001:db9::1", false);
        check("::/0", "2001:db9::1", true);
        check("::1", "::1", true);
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in [
            "",
            "/",
            "1.2.3",
            "1.2.3.4/33",
            "1.2.3.4/",
            "1.2.3.4/+8",
            "1.2.3.4/8/8",
            "::/129",
            "x/8",
            " 1.2.3.4",
        ] {
            assert!(bad.parse::<Cidr>().is_err(), "{bad}");
        }
    }
}
