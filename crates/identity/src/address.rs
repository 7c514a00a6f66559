//! E-mail addresses, checked at the border.

use std::fmt;

use crate::{Error, Result};

/// An address that a mail can be sent to (RFC 5321 §4.1.2 without quoted local parts and address literals).
///
/// The local part keeps its case, because only its host knows whether case matters; two spellings that differ
/// in case only are nevertheless the same account, and mail then goes to the spelling that was proven first.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// Reads what a person typed: surrounding space is dropped, the domain is lower-cased and put into ASCII.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |why| Error::Address { why };
        let text = text.trim();
        if text.len() > 1000 {
            return Err(bad("it is too long"));
        }
        let (local, domain) = text.rsplit_once('@').ok_or(bad("it has no `@`"))?;
        if local.is_empty() || local.len() > 64 || !local.split('.').all(is_atom) {
            return Err(bad("the part before `@` has characters that cannot be used here"));
        }
        let domain = ascii_domain(domain).ok_or(bad("the part after `@` is not a domain"))?;
        if local.len() + 1 + domain.len() > 254 {
            return Err(bad("it is too long"));
        }
        Ok(Self(format!("{local}@{domain}")))
    }

    /// Borrows the address as mail is sent to it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key that identifies an account: the address in lower case.
    pub(crate) fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// The mailbox that mail probably ends up in: without what follows a `+` and without dots, as many hosts read
    /// addresses. For limits only: two addresses of one mailbox are two accounts.
    pub(crate) fn mailbox(&self) -> String {
        let key = self.key();
        let (local, domain) = key.rsplit_once('@').unwrap_or((&key, ""));
        let local = local.split_once('+').map_or(local, |(name, _)| name).replace('.', "");
        // Of `+x@` nothing would be left.
        if local.is_empty() { key } else { format!("{local}@{domain}") }
    }
}

/// Shows the domain only: addresses are personal data.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address(…@{})", self.0.rsplit_once('@').map_or("", |(_, domain)| domain))
    }
}

fn is_atom(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b);
    !text.is_empty() && text.bytes().all(good)
}

fn ascii_domain(domain: &str) -> Option<String> {
    if domain.contains('%') {
        return None;
    }
    let Ok(url::Host::Domain(domain)) = url::Host::parse(domain) else { return None };
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    domain.split('.').all(label).then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_normalised() {
        let check = |text: &str, expected: &str, key: &str| {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.as_str(), address.key().as_str()), (expected, key));
        };
        check(" ann@example.org\n", "ann@example.org", "ann@example.org");
        check("Ann.O'Hara+x@EXAMPLE.org", "Ann.O'Hara+x@example.org", "ann.o'hara+x@example.org");
        check("operator@localhost", "operator@localhost", "operator@localhost");
        check("ann@Bücher.example", "ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example");
    }

    #[test]
    fn spellings_of_one_mailbox_count_together() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Address::parse(text).unwrap().mailbox(), expected);
        };
        for text in
            ["bomb@example.org", "Bomb+1@example.org", "b.om.b@example.org", "b.omb+x.y+z@example.org"]
        {
            check(text, "bomb@example.org");
        }
        check("bomb@mail.example.org", "bomb@mail.example.org");
        check("+x@example.org", "+x@example.org");
    }

    #[test]
    fn what_cannot_be_written_to_is_refused() {
        for bad in [
            "",
            "ann",
            "@",
            "ann@",
            "@example.org",
            "a@b@c",
            "a b@c.d",
            ".a@b.c",
            "a.@b.c",
            "a..b@c.d",
            "a@b..c",
            "a@.b",
            "a@b.",
            "a@-b.c",
            "a@127.0.0.1",
            "a@[::1]",
            "a@ex%61mple.org",
            "a@b_c.d",
            "ä@b.c",
            "a\r\n@b.c",
            "a@b.c\r\nBcc: e@f.g",
            "\"a\"@b.c",
            "a<b@c.d",
            "\u{212a}@b.c",
            &format!("{}@b.c", "a".repeat(65)),
            &format!("a@{}.c", "b".repeat(64)),
        ] {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn debug_shows_no_person() {
        assert_eq!(format!("{:?}", Address::parse("ann@example.org").unwrap()), "Address(…@example.org)");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(?s).{0,80}") {
            if let Ok(address) = Address::parse(&text) {
                proptest::prop_assert!(address.as_str().is_ascii());
                proptest::prop_assert_eq!(Address::parse(address.as_str()).unwrap(), address);
            }
        }
    }
}
