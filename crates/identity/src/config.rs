//! Settings of identity, with their hard limits.

use model::setting::{OutOfRange, need};
use serde::Deserialize;

use crate::Role;

/// Settings. The defaults are those of a production installation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether an unknown address becomes a viewer's account by proving a code.
    pub open_sign_up: bool,
    /// The host name people see, in the last line of a code's mail (`@host #123456`). It follows from the public address,
    /// so no file sets it.
    #[serde(skip)]
    pub host: String,
    /// How long a code works in s; at most 600.
    pub code_seconds: u32,
    /// How long sessions live.
    pub sessions: Lifetimes,
    /// How often codes are sent and tried.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            open_sign_up: false,
            host: "localhost".into(),
            code_seconds: 300,
            sessions: Lifetimes::default(),
            limits: Limits::default(),
        }
    }
}

impl Config {
    /// The development profile: sign-up is open, and the many sign-ins of one machine are not held back.
    pub fn development() -> Self {
        let limits = Limits { per_ip_hour: 1000, per_minute: 1000, ..Limits::default() };
        Self { open_sign_up: true, limits, ..Self::default() }
    }

    /// Refuses settings beyond the hard limits.
    pub fn check(&self) -> Result<(), OutOfRange> {
        let need = |good, name, expected| need(good, "identity", name, expected);
        need((30..=600).contains(&self.code_seconds), "code_seconds", "30 to 600")?;
        need(url::Host::parse(&self.host).is_ok(), "host", "a host name")?;
        for (name, life) in [
            ("sessions.viewer", self.sessions.viewer),
            ("sessions.creator", self.sessions.creator),
            ("sessions.operator", self.sessions.operator),
        ] {
            let good = life.idle_seconds >= 60 && life.absolute_seconds >= life.idle_seconds;
            need(good, name, "at least 60 s without a request, and in all at least as long")?;
        }
        let limits = &self.limits;
        need(limits.resends <= 10, "limits.resends", "at most 10")?;
        need(limits.per_address_hour <= 100, "limits.per_address_hour", "at most 100")?;
        need(limits.per_address_day <= 100, "limits.per_address_day", "at most 100")?;
        need(limits.per_ip_hour <= 1000, "limits.per_ip_hour", "at most 1,000")?;
        need(limits.per_minute <= 1000, "limits.per_minute", "at most 1,000")?;
        need(limits.failures_hour <= 20, "limits.failures_hour", "at most 20")
    }
}

/// How long a session lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lifetime {
    /// Without a request, in s.
    pub idle_seconds: u32,
    /// In all, in s.
    pub absolute_seconds: u32,
}

/// Lifetimes of sessions by role.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lifetimes {
    /// For viewers: 30 and 90 days.
    pub viewer: Lifetime,
    /// For creators: a day and two weeks.
    pub creator: Lifetime,
    /// For operators: 30 minutes and 12 hours.
    pub operator: Lifetime,
}

impl Default for Lifetimes {
    fn default() -> Self {
        const DAY: u32 = 86_400;
        Self {
            viewer: Lifetime { idle_seconds: 30 * DAY, absolute_seconds: 90 * DAY },
            creator: Lifetime { idle_seconds: DAY, absolute_seconds: 14 * DAY },
            operator: Lifetime { idle_seconds: 30 * 60, absolute_seconds: 12 * 3600 },
        }
    }
}

impl Lifetimes {
    /// The lifetime for a role.
    pub fn of(&self, role: Role) -> Lifetime {
        match role {
            Role::Viewer => self.viewer,
            Role::Creator => self.creator,
            Role::Operator => self.operator,
        }
    }
}

/// How often codes are sent and tried. Sendings that were proven by their code do not count.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Pauses after the first, second, third and every later sending to an address, in s.
    pub cooldown_seconds: [u32; 4],
    /// Resends of a challenge.
    pub resends: u32,
    /// Sendings to a mailbox in an hour that one requester asks for: a known device, or a network (a /48 of IPv6). All
    /// strangers together have as much for repeated requests, and twice as much for the first ones of their networks.
    pub per_address_hour: u32,
    /// The same in a day.
    pub per_address_day: u32,
    /// Sendings and wrong codes of strangers in an address of the network (a /64 of IPv6) in an hour. One more for each
    /// person who signed in from there within 30 days, up to ten times as many.
    pub per_ip_hour: u32,
    /// Sendings in all in a minute.
    pub per_minute: u32,
    /// Wrong codes of one requester for an address in an hour before codes pause.
    pub failures_hour: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cooldown_seconds: [30, 60, 120, 300],
            resends: 3,
            per_address_hour: 5,
            per_address_day: 10,
            per_ip_hour: 40,
            per_minute: 60,
            failures_hour: 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_made_settings_are_within_their_limits() {
        Config::default().check().unwrap();
        Config::development().check().unwrap();
    }

    #[test]
    fn hard_limits_hold() {
        let check = |config: Config, expected: &str| assert_eq!(config.check().unwrap_err().name, expected);
        check(Config { code_seconds: 601, ..Config::default() }, "code_seconds");
        check(Config { host: "a b".into(), ..Config::default() }, "host");
        let short = Lifetime { idle_seconds: 10, absolute_seconds: 10 };
        let sessions = Lifetimes { viewer: short, ..Lifetimes::default() };
        check(Config { sessions, ..Config::default() }, "sessions.viewer");
        let limits = |limits: Limits| Config { limits, ..Config::default() };
        check(limits(Limits { resends: 11, ..Limits::default() }), "limits.resends");
        check(limits(Limits { per_address_hour: 101, ..Limits::default() }), "limits.per_address_hour");
        check(limits(Limits { per_address_day: 101, ..Limits::default() }), "limits.per_address_day");
        check(limits(Limits { per_ip_hour: 1001, ..Limits::default() }), "limits.per_ip_hour");
        check(limits(Limits { per_minute: 1001, ..Limits::default() }), "limits.per_minute");
        check(limits(Limits { failures_hour: 21, ..Limits::default() }), "limits.failures_hour");
    }
}
