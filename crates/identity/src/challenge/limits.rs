//! Rate limits of sign-in: codes per mailbox, per network and in all, and wrong codes.
//!
//! Nobody can make another one wait: a device that signed in before counts by itself, everybody else by the network that
//! they ask from. What strangers ask for together has two budgets more, one for the first request of a network within a
//! day and one for all others, so that the mailbox is not flooded, and so that a network that asks again and again
//! leaves something to a network that asks for the first time. Sendings and wrong codes that end in a sign-in are given
//! back.
//!
//! The names under which these are counted are stored in the database; changing one resets its counts.

use db::Tx;
use model::Timestamp;

use super::Challenge;
use crate::failures::{self, Whose};
use crate::limit::{self, Rules, Window};
use crate::network::Network;
use crate::{Error, Identity, Result};

const DAY_MS: i64 = 86_400_000;
/// Many networks may ask for the first time: so many times what one requester has, all of them have together.
const FIRST_REQUESTS: u32 = 2;
/// Longest wait that a refusal by a network's budget announces, in seconds: every sign-in refills the budget.
const NETWORK_WAIT_SECONDS: u32 = 60;

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
        limit::take(tx, &failing.name, rules, now).await?;
        for network in challenge.networks.iter() {
            let windows = [Window::hour(self.budget(tx, network, now).await?)];
            limit::count(tx, &network_name(network), &windows, now).await?;
        }
        Ok(())
    }

    /// Resets the counts after a correct code. In the order in which they were taken: else two codes of one
    /// address wait for each other.
    pub(super) async fn forgive(&self, tx: &mut Tx, challenge: &Challenge) -> Result<()> {
        let failing = self.failing(challenge);
        failures::forget(tx, &failing).await?;
        for name in [&failing.name, &self.sending_name(challenge)] {
            limit::forget(tx, name).await?;
        }
        let (since, sends) = (challenge.created, challenge.sends);
        let firsts = u32::from(challenge.first_of_network);
        for (first, times) in [(true, firsts), (false, sends.saturating_sub(firsts))] {
            limit::give_back(tx, &self.strangers_name(challenge, first), since, times).await?;
        }
        for network in challenge.networks.iter() {
            limit::give_back(tx, &network_name(network), since, sends + challenge.attempts).await?;
        }
        Ok(())
    }

    /// Counts a mail that is about to be sent, or refuses it. Answers whether it is the first within a day that its network
    /// asks for.
    pub(super) async fn take_sending(
        &self,
        tx: &mut Tx,
        challenge: &Challenge,
        now: Timestamp,
    ) -> Result<bool> {
        let limits = &self.inner.config.limits;
        let windows = |times: u32| {
            let day = Window { ms: DAY_MS, max: limits.per_address_day * times };
            [Window::hour(limits.per_address_hour * times), day]
        };
        let own = Rules { windows: &windows(1), pauses_seconds: &limits.cooldown_seconds };
        let first = limit::take(tx, &self.sending_name(challenge), own, now).await? == 0;
        if !challenge.known_device {
            let shared = windows(if first { FIRST_REQUESTS } else { 1 });
            let shared = Rules { windows: &shared, pauses_seconds: &[] };
            limit::take(tx, &self.strangers_name(challenge, first), shared, now).await?;
        }
        for network in challenge.networks.iter() {
            let windows = [Window::hour(self.budget(tx, network, now).await?)];
            let rules = Rules { windows: &windows, pauses_seconds: &[] };
            limit::take(tx, &network_name(network), rules, now).await.map_err(soon)?;
        }
        let all = [Window { ms: 60_000, max: limits.per_minute }];
        // Strangers who use up what all may send do not keep those out who were in before.
        let name = if challenge.known_device { "sendings to known devices" } else { "sendings" };
        limit::take(tx, name, Rules { windows: &all, pauses_seconds: &[] }, now).await?;
        Ok(first)
    }

    async fn budget(&self, tx: &mut Tx, network: Network<'_>, now: Timestamp) -> Result<u32> {
        network.budget(tx, self.inner.config.limits.per_ip_hour, now).await
    }

    fn sending_name(&self, challenge: &Challenge) -> String {
        format!("sending {}", self.personal().name_of(&challenge.asked_by(&challenge.address.mailbox())))
    }

    /// The counter of requests by all strangers together.
    fn strangers_name(&self, challenge: &Challenge, first: bool) -> String {
        let kind = if first { "first requests" } else { "repeated requests" };
        format!("{kind} {}", self.personal().name_of(&challenge.address.mailbox()))
    }

    fn failing(&self, challenge: &Challenge) -> Whose {
        let key = challenge.address.key();
        let strangers = || format!("strangers failing {}", self.personal().name_of(&key));
        Whose {
            name: format!("failing {}", self.personal().name_of(&challenge.asked_by(&key))),
            strangers: (!challenge.known_device).then(strangers),
            address_name: self.address_name(&key),
        }
    }

    /// The name of an address in counters.
    pub(crate) fn address_name(&self, address_key: &str) -> String {
        format!("address {}", self.personal().name_of(address_key))
    }
}

impl Challenge {
    /// Name of a counter for an address and a requester: a device that signed in before, or the network of any other
    /// one.
    fn asked_by(&self, address: &str) -> String {
        let who = if self.known_device { &self.browser_hash } else { self.networks.whole() };
        format!("{address} {who}")
    }
}

fn network_name(network: Network<'_>) -> String {
    format!("network {}", network.name)
}

fn soon(error: Error) -> Error {
    match error {
        Error::TooMany { retry_after_seconds } => {
            Error::TooMany { retry_after_seconds: retry_after_seconds.min(NETWORK_WAIT_SECONDS) }
        }
        other => other,
    }
}
