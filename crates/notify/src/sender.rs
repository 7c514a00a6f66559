//! The sender of mails.

use model::setting::OutOfRange;

use crate::Result;

/// A mail's `From`: `Name <address>` or an address alone, in printable ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    header: String,
    address: String,
}

impl Sender {
    /// Reads the setting.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = || OutOfRange {
            part: "mail",
            name: "from",
            expected: "`Name <address>` or an address, in plain ASCII",
        };
        let text = text.trim();
        let address = match text.strip_suffix('>') {
            Some(open) => open.rsplit_once('<').map(|(_, address)| address).ok_or_else(bad)?,
            None => text,
        };
        let name = text.strip_suffix(&format!("<{address}>")).unwrap_or_default();
        let plain = |b: u8| b.is_ascii_graphic() && !b"<>,;:\\\"()[]".contains(&b);
        let good = address.split_once('@').is_some_and(|(local, host)| {
            !local.is_empty() && !host.is_empty() && !host.contains('@') && address.bytes().all(plain)
        });
        let named = name.bytes().all(|b| b == b' ' || plain(b)) && !name.contains('@');
        if !good || !named || text.len() > 320 {
            return Err(bad().into());
        }
        Ok(Self { header: text.to_owned(), address: address.to_owned() })
    }

    /// The whole header's value.
    pub fn header(&self) -> &str {
        &self.header
    }

    /// The address alone: where undeliverable mails go back to.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The part after `@`.
    pub fn host(&self) -> &str {
        self.address.rsplit_once('@').map_or("localhost", |(_, host)| host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_an_address_with_or_without_a_name() {
        let check = |text: &str, address: &str, host: &str| {
            let sender = Sender::parse(text).unwrap();
            assert_eq!((sender.header(), sender.address(), sender.host()), (text.trim(), address, host));
        };
        check("Kinora <no-reply@example.org>", "no-reply@example.org", "example.org");
        check(" no-reply@localhost ", "no-reply@localhost", "localhost");
    }

    #[test]
    fn nothing_breaks_out_of_it() {
        for bad in [
            "",
            "Kinora",
            "a@b@c",
            "@b",
            "a@",
            "K <a@b> x",
            "K <a@b>, c@d",
            "K\r\nBcc: e@f <a@b>",
            "K <a b@c>",
            "Ä <a@b>",
            "e@f <a@b>",
        ] {
            assert!(Sender::parse(bad).is_err(), "{bad}");
        }
    }
}
