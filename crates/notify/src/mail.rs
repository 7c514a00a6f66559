//! A mail and its text on the wire (RFC 5322).

use std::fmt::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;

use crate::{Error, Result, Sender};

/// Longest line without its line end (RFC 5322 §2.1.1).
const LINE_BYTES: usize = 998;
/// Bytes of text in one encoded word, so that the word stays within 75 characters (RFC 2047 §2).
const WORD_BYTES: usize = 45;

/// A mail in plain text.
pub struct Mail {
    to: String,
    subject: String,
    text: String,
}

impl Mail {
    /// Makes a mail to one address. Nothing is checked before it is sent.
    pub fn new(to: impl Into<String>, subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { to: to.into(), subject: subject.into(), text: text.into() }
    }

    pub(crate) fn to(&self) -> &str {
        &self.to
    }

    /// Writes the mail as it goes over the wire, in seven bits. `id` is the left part of its `Message-ID`.
    pub(crate) fn to_bytes(&self, from: &Sender, id: &str, now: Timestamp) -> Result<Vec<u8>> {
        let date = jiff::Timestamp::from_millisecond(now.0)
            .ok()
            .and_then(|at| jiff::fmt::rfc2822::to_string(&at.to_zoned(jiff::tz::TimeZone::UTC)).ok())
            .ok_or(Error::Header { header: "Date" })?;
        let text = self.lines()?;
        let (encoding, text) = match text.is_ascii() {
            true => ("7bit", text),
            false => ("base64", folded(&STANDARD.encode(text))),
        };
        let mut out = String::new();
        for (header, value) in [
            ("From", plain("From", from.header())?.to_owned()),
            ("To", address(&self.to)?.to_owned()),
            ("Subject", words(&self.subject)?),
            ("Date", date),
            ("Message-ID", format!("<{id}@{}>", from.host())),
            ("Auto-Submitted", "auto-generated".into()),
            ("MIME-Version", "1.0".into()),
            ("Content-Type", "text/plain; charset=utf-8".into()),
            ("Content-Transfer-Encoding", encoding.into()),
        ] {
            // Writing into a String cannot fail.
            let _ = write!(out, "{header}: {value}\r\n");
        }
        out.push_str("\r\n");
        out.push_str(&text);
        Ok(out.into_bytes())
    }

    /// The text with its lines ended by CRLF and without control characters.
    fn lines(&self) -> Result<String> {
        let mut out = String::new();
        for line in self.text.lines() {
            let line = line.trim_end_matches('\r');
            if line.len() > LINE_BYTES {
                return Err(Error::Line { bytes: line.len() });
            }
            out.extend(line.chars().filter(|c| *c == '\t' || !c.is_control()));
            out.push_str("\r\n");
        }
        Ok(out)
    }
}

/// Base64 in lines of 76 characters (RFC 2045 §6.8).
fn folded(base64: &str) -> String {
    let mut out = String::new();
    let mut rest = base64;
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(76));
        out.push_str(line);
        out.push_str("\r\n");
        rest = more;
    }
    out
}

/// Hides text and recipient.
impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mail(…)")
    }
}

fn plain<'a>(header: &'static str, value: &'a str) -> Result<&'a str> {
    let good = value.len() <= 500 && value.bytes().all(|b| (b' '..=b'~').contains(&b));
    if good { Ok(value) } else { Err(Error::Header { header }) }
}

fn address(value: &str) -> Result<&str> {
    let good = value.contains('@') && !value.contains([' ', '<', '>', ',', ';', ':', '"', '(', ')', '\\']);
    if good { plain("To", value) } else { Err(Error::Header { header: "To" }) }
}

/// The subject as it is, or in encoded words (RFC 2047) where it is not printable ASCII.
fn words(subject: &str) -> Result<String> {
    if subject.chars().any(char::is_control) || subject.len() > 500 {
        return Err(Error::Header { header: "Subject" });
    }
    if subject.is_ascii() {
        return Ok(subject.into());
    }
    let mut words = vec![String::new()];
    for c in subject.chars() {
        match words.last_mut() {
            Some(word) if word.len() + c.len_utf8() <= WORD_BYTES => word.push(c),
            _ => words.push(c.into()),
        }
    }
    let encoded: Vec<String> = words.iter().map(|w| format!("=?utf-8?B?{}?=", STANDARD.encode(w))).collect();
    Ok(encoded.join("\r\n "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn text(to: &str, subject: &str, text: &str) -> Result<String> {
        let from = Sender::parse("Kinora <no-reply@localhost>").unwrap();
        let bytes = Mail::new(to, subject, text).to_bytes(&from, "id", NOW)?;
        Ok(String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn a_mail_is_rfc_5322_text() {
        let mail = text("ann@example.org", "Grüße", "Hallo\n\nAnn").unwrap();
        assert!(mail.lines().count() + 1 == mail.split("\r\n").count(), "every line ends with CRLF");
        insta::assert_snapshot!(mail.replace('\r', ""), @r"
        From: Kinora <no-reply@localhost>
        To: ann@example.org
        Subject: =?utf-8?B?R3LDvMOfZQ==?=
        Date: Tue, 14 Nov 2023 22:13:20 +0000
        Message-ID: <id@localhost>
        Auto-Submitted: auto-generated
        MIME-Version: 1.0
        Content-Type: text/plain; charset=utf-8
        Content-Transfer-Encoding: 7bit

        Hallo

        Ann
        ");
    }

    #[test]
    fn other_letters_travel_in_seven_bits() {
        let mail = text("ann@example.org", "Hi", &"Grüße\n".repeat(20)).unwrap();
        let (head, body) = mail.split_once("\r\n\r\n").unwrap();
        assert!(mail.is_ascii() && head.ends_with("Content-Transfer-Encoding: base64"));
        let decoded = STANDARD.decode(body.replace("\r\n", "")).unwrap();
        assert_eq!(String::from_utf8(decoded).unwrap(), "Grüße\r\n".repeat(20));
    }

    #[test]
    fn nothing_breaks_out_of_a_header() {
        for to in
            ["ann@example.org\r\nBcc: eve@example.org", "a@b, c@d", "<a@b>", "ann", "ä@example.org", "a b@c"]
        {
            assert!(matches!(text(to, "s", "t"), Err(Error::Header { header: "To" })), "{to}");
        }
        assert!(matches!(text("a@b", "x\r\nBcc: e@f", "t"), Err(Error::Header { header: "Subject" })));
    }

    #[test]
    fn debug_shows_neither_address_nor_text() {
        let shown = format!("{:?}", Mail::new("ann@example.org", "Your code", "123456"));
        assert_eq!(shown, "Mail(…)");
    }

    proptest::proptest! {
        #[test]
        fn any_text_keeps_lines_and_headers_apart(subject in ".{0,200}", body in "(?s).{0,2000}") {
            if let Ok(mail) = text("a@b", &subject, &body) {
                let (head, _) = mail.split_once("\r\n\r\n").unwrap();
                proptest::prop_assert_eq!(head.matches("\r\nAuto-Submitted: ").count(), 1);
                proptest::prop_assert!(!mail.replace("\r\n", "").contains(['\r', '\n', '\0']));
                proptest::prop_assert!(mail.split("\r\n").all(|line| line.len() <= LINE_BYTES));
            }
        }
    }
}
