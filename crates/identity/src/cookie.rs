//! How this crate's cookies are named and written (RFC 6265).

use crate::Identity;
use crate::Role;

/// Writes and finds cookies. `__Host-` names need TLS, so development has plain ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cookies {
    /// Whether browsers reach us over TLS.
    pub tls: bool,
}

impl Cookies {
    /// The name of the cookie that holds a [`SessionToken`](crate::token::SessionToken).
    pub fn session(self) -> &'static str {
        if self.tls { "__Host-sid" } else { "kinora-sid" }
    }

    /// The name of the cookie that holds a [`BrowserToken`](crate::token::BrowserToken).
    pub fn browser(self) -> &'static str {
        if self.tls { "__Host-browser" } else { "kinora-browser" }
    }

    /// A `Set-Cookie` value: for the whole site, not for scripts, not sent along by other sites' forms.
    pub fn set(self, name: &str, value: &str, max_age_seconds: u32) -> String {
        let secure = if self.tls { "; Secure" } else { "" };
        format!("{name}={value}; Path=/; Max-Age={max_age_seconds}; HttpOnly; SameSite=Lax{secure}")
    }

    /// A `Set-Cookie` value that removes the cookie.
    pub fn clear(self, name: &str) -> String {
        self.set(name, "", 0)
    }

    /// Finds a cookie in a `Cookie` header; the first of that name counts. Others may be of any bytes: neighbours on the
    /// same domain set them.
    pub fn find<'a>(self, header: &'a [u8], name: &str) -> Option<&'a str> {
        let cookies = header.split(|&byte| byte == b';').filter_map(|pair| std::str::from_utf8(pair).ok());
        let mut pairs = cookies.filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(n, _)| *n == name).map(|(_, value)| value)
    }
}

impl Identity {
    /// For how long a browser keeps the session cookie of a role, in s.
    pub fn cookie_seconds(&self, role: Role) -> u32 {
        self.config().sessions.of(role).absolute_seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_host_bound_with_tls() {
        let tls = Cookies { tls: true };
        assert_eq!(
            tls.set(tls.session(), "x", 60),
            "__Host-sid=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        let plain = Cookies { tls: false };
        assert_eq!(plain.clear(plain.session()), "kinora-sid=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let cookies = Cookies { tls: false };
        let header = b"name=M\xfcller; xkinora-sid=1; kinora-sid=2;kinora-sid=3; flag";
        assert_eq!(cookies.find(header, "kinora-sid"), Some("2"));
        assert_eq!(cookies.find(header, "sid"), None);
    }
}
