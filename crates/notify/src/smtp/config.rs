//! Settings of the mail server.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use model::setting::{OutOfRange, need};
use serde::Deserialize;
use zeroize::Zeroizing;

/// The mail server, and how it is reached.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name or address of the server; its certificate must be for it.
    pub host: String,
    /// Port; 587 with STARTTLS, 465 with TLS from the start, 25 without.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub tls: Tls,
    /// Name to sign in with, if the server wants one.
    #[serde(default)]
    pub user: Option<String>,
    /// Password of `user`.
    #[serde(default)]
    pub password: Option<Password>,
    /// File with the one CA certificate (PEM) that the server's is checked against, instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Longest time for connecting, in s: 1 to 10. A mail may take twice that with all answers to it, and is tried again
    /// when it takes longer.
    #[serde(default = "ten")]
    pub timeout_seconds: u32,
}

fn ten() -> u32 {
    10
}

/// How the connection is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// By STARTTLS; without it nothing is sent.
    #[default]
    Starttls,
    /// By TLS from the first byte.
    Implicit,
    /// Not at all: for a server on this machine.
    None,
}

impl Tls {
    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starttls => "starttls",
            Self::Implicit => "implicit",
            Self::None => "none",
        }
    }
}

/// A password; `Debug` hides it, and it is wiped when dropped.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct Password(Zeroizing<String>);

impl Password {
    /// The text, for the server only.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Config {
    /// The port in force.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            Tls::Starttls => 587,
            Tls::Implicit => 465,
            Tls::None => 25,
        })
    }

    /// Refuses what contradicts itself or would send passwords and codes in the clear.
    pub fn check(&self) -> Result<(), OutOfRange> {
        let need = |good, name, expected| need(good, "mail", name, expected);
        let host = self.host.as_bytes();
        let named = (1..=253).contains(&host.len()) && host.iter().all(u8::is_ascii_graphic);
        need(named, "smtp.host", "a host name or an address")?;
        need(
            self.tls != Tls::None || self.is_loopback(),
            "smtp.tls",
            "`starttls` or `implicit`: `none` is for a server on this machine",
        )?;
        need((1..=10).contains(&self.timeout_seconds), "smtp.timeout_seconds", "1 to 10")?;
        let (user, password) = (self.user.is_some(), self.password.is_some());
        need(password || !user, "smtp.password_file", "there, as `smtp.user` is")?;
        need(user || !password, "smtp.user", "there, as a password is")
    }

    fn is_loopback(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Name and password, where the server wants them.
    pub(super) fn credentials(&self) -> Option<(&str, &Password)> {
        self.user.as_deref().zip(self.password.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config {
            host: "smtp.example.org".into(),
            port: None,
            tls: Tls::Starttls,
            user: None,
            password: None,
            ca_file: None,
            timeout_seconds: 10,
        }
    }

    #[test]
    fn ports_follow_the_protection() {
        assert_eq!(config().port(), 587);
        assert_eq!(Config { tls: Tls::Implicit, ..config() }.port(), 465);
        assert_eq!(Config { port: Some(2525), ..config() }.port(), 2525);
    }

    #[test]
    fn mails_leave_the_machine_encrypted_only() {
        for host in ["localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"] {
            Config { tls: Tls::None, host: host.into(), ..config() }.check().unwrap();
        }
        for host in ["smtp.example.org", "192.0.2.1", "localhost.example.org", "", "a b"] {
            assert!(Config { tls: Tls::None, host: host.into(), ..config() }.check().is_err(), "{host}");
        }
    }

    #[test]
    fn a_name_comes_with_one_password() {
        let (user, password) = (Some("u".to_owned()), Some(Password::from("geheim".to_owned())));
        let check = |config: Config| config.check().is_ok();
        assert!(check(Config { user: user.clone(), password: password.clone(), ..config() }));
        assert!(!check(Config { user, ..config() }));
        assert!(!check(Config { password: password.clone(), ..config() }));
        assert!(!format!("{:?}", Config { password, ..config() }).contains("geheim"));
    }
}
