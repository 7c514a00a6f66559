//! Who is held back, and for how much: sendings to an address, from a place on the network and in all, and failures.
//!
//! The names under which these are counted stand in the database; whoever changes one forgives everybody.

use std::net::IpAddr;

use db::Tx;
use model::Timestamp;

use super::Challenge;
use crate::failures::{self, Whose};
use crate::limit::{self, Rules, Window};
use crate::{Identity, Result};

const DAY_MS: i64 = 86_400_000;
/// How many times as much as one place on the network a subscriber with many of them may ask for.
const SUBSCRIBER: u32 = 5;

impl Identity {
    /// Refuses who has failed too often to be sent another code.
    pub(super) async fn look_at_failures(
        &self,
        tx: &mut Tx,
        challenge: &Challenge,
        now: Timestamp,
    ) -> Result<()> {
        failures::look(tx, &self.failing(challenge), now).await
    }

    /// Counts a code that is compared as a failure, or refuses it.
    pub(super) async fn take_failure(
        &self,
        tx: &mut Tx,
        challenge: &Challenge,
        now: Timestamp,
    ) -> Result<()> {
        let windows = [Window::hour(self.inner.config.limits.failures_hour)];
        let rules = Rules { windows: &windows, pauses_seconds: &[] };
        let failing = self.failing(challenge);
        failures::take(tx, &failing, now).await?;
        limit::take(tx, &failing.name, rules, now).await
    }

    /// Forgets what was counted for whoever had the right code. In the order in which the failure was taken: else two
    /// codes of one address wait for each other.
    pub(super) async fn forgive(&self, tx: &mut Tx, challenge: &Challenge) -> Result<()> {
        let failing = self.failing(challenge);
        failures::forget(tx, &failing).await?;
        for name in [&failing.name, &self.sending_name(challenge)] {
            limit::forget(tx, name).await?;
        }
        Ok(())
    }

    /// Counts a mail that is about to be sent, or refuses it.
    pub(super) async fn take_sending(
        &self,
        tx: &mut Tx,
        challenge: &Challenge,
        ip: IpAddr,
        now: Timestamp,
    ) -> Result<()> {
        let limits = &self.inner.config.limits;
        let day = Window { ms: DAY_MS, max: limits.per_address_day };
        let address = [Window::hour(limits.per_address_hour), day];
        let rules = Rules { windows: &address, pauses_seconds: &limits.cooldown_seconds };
        limit::take(tx, &self.sending_name(challenge), rules, now).await?;
        for (network, times) in networks_of(ip) {
            let windows = [Window::hour(limits.per_ip_hour * times)];
            let name = format!("network {}", self.personal().name_of(&network));
            limit::take(tx, &name, Rules { windows: &windows, pauses_seconds: &[] }, now).await?;
        }
        let all = [Window { ms: 60_000, max: limits.per_minute }];
        // Strangers who use up what all may send do not keep those out who were in before.
        let name = if challenge.known_device { "sendings to known devices" } else { "sendings" };
        limit::take(tx, name, Rules { windows: &all, pauses_seconds: &[] }, now).await
    }

    fn sending_name(&self, challenge: &Challenge) -> String {
        format!("sending {}", self.personal().name_of(&challenge.shared_fate()))
    }

    fn failing(&self, challenge: &Challenge) -> Whose {
        Whose {
            name: format!("failing {}", self.personal().name_of(&challenge.shared_fate())),
            address_name: self.address_name(&challenge.address.key()),
        }
    }

    /// What an address is called where it is only counted.
    pub(crate) fn address_name(&self, address_key: &str) -> String {
        format!("address {}", self.personal().name_of(address_key))
    }
}

impl Challenge {
    /// Who is held back together: everyone who uses the address, but for a device that signed in before;
    /// it has limits of its own, so that strangers cannot lock it out.
    fn shared_fate(&self) -> String {
        let key = self.address.key();
        if self.known_device { format!("{key} {}", self.browser_hash) } else { key }
    }
}

/// What counts as one place on the network: an IPv4 address, a /64 of IPv6. And what is larger but may still be one
/// subscriber's, a /48, with how many times as much as one place it may have.
fn networks_of(ip: IpAddr) -> Vec<(String, u32)> {
    match ip.to_canonical() {
        IpAddr::V4(ip) => vec![(ip.to_string(), 1)],
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            vec![
                (format!("{a:x}:{b:x}:{c:x}::/48"), SUBSCRIBER),
                (format!("{a:x}:{b:x}:{c:x}:{d:x}::/64"), 1),
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_an_ipv4_address_or_half_an_ipv6_address_and_what_a_subscriber_may_have() {
        let check = |ip: &str, expected: &[&str]| {
            let networks = networks_of(ip.parse().unwrap());
            assert_eq!(networks.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), expected);
        };
        check("192.0.2.1", &["192.0.2.1"]);
        check("::ffff:192.0.2.1", &["192.0.2.1"]);
        check("2001:db8:1:2:3:4:5:6", &["2001:db8:1::/48", "2001:db8:1:2::/64"]);
    }
}
