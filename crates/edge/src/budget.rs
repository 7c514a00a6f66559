//! How many wrong signatures of one address are checked.
//!
//! To check one that is wrong costs as much as to check one that is right, up to 0.3 ms, and is never remembered. So each
//! address has a budget that wrong ones use up and time refills; while it is used up, nothing new is checked that comes
//! from there. What was found right before is remembered, and costs nothing. An address of IPv6 is a /64.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_face::slots::household;
use tinyufo::TinyUfo;

/// Addresses that are remembered. Those beyond begin with a full budget.
const ADDRESSES: usize = 16_384;
/// In this time a budget that was used up is full again.
const REFILL: Duration = Duration::from_secs(60);

/// The budgets of all addresses.
pub(crate) struct Budget {
    /// Wrong signatures that are checked in [`REFILL`]; 0 for any number.
    most: u32,
    spent: TinyUfo<IpAddr, Arc<Mutex<Spent>>>,
}

/// Used part of an address's budget.
struct Spent {
    wrong: f64,
    as_of: Instant,
}

impl Budget {
    pub(crate) fn new(most: u32) -> Self {
        Self { most, spent: TinyUfo::new(ADDRESSES, ADDRESSES) }
    }

    /// Whether a signature of this address is checked now.
    pub(crate) fn has(&self, address: IpAddr, now: Instant) -> bool {
        self.most == 0
            || self
                .spent
                .get(&household(address))
                .is_none_or(|spent| self.left(&mut runtime::lock(&spent), now) >= 1.0)
    }

    /// Counts a signature of this address that was wrong.
    pub(crate) fn spend(&self, address: IpAddr, now: Instant) {
        if self.most == 0 {
            return;
        }
        let address = household(address);
        if let Some(spent) = self.spent.get(&address) {
            let mut spent = runtime::lock(&spent);
            self.left(&mut spent, now);
            spent.wrong += 1.0;
        } else {
            self.spent.put(address, Arc::new(Mutex::new(Spent { wrong: 1.0, as_of: now })), 1);
        }
    }

    /// Remaining budget, after what time has refilled.
    fn left(&self, spent: &mut Spent, now: Instant) -> f64 {
        let most = f64::from(self.most);
        let since = now.saturating_duration_since(spent.as_of);
        spent.wrong = (spent.wrong - most * since.as_secs_f64() / REFILL.as_secs_f64()).max(0.0);
        spent.as_of = spent.as_of.max(now);
        most - spent.wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_signatures_use_up_a_budget_that_time_refills() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let (budget, begun) = (Budget::new(60), Instant::now());
        for _ in 0..60 {
            assert!(budget.has(address("2001:db8::1"), begun));
            budget.spend(address("2001:db8::1"), begun);
        }
        for (of, at, has) in [
            ("2001:db8::1", 0, false),
            ("2001:db8::ffff:2", 0, false),
            ("2001:db8:0:1::1", 0, true),
            ("192.0.2.1", 0, true),
            ("2001:db8::1", 999, false),
            ("2001:db8::1", 1001, true),
        ] {
            assert_eq!(budget.has(address(of), begun + Duration::from_millis(at)), has, "{of} after {at} ms");
        }
        // One a second from then on, and all after a minute.
        let later = begun + Duration::from_millis(1001);
        budget.spend(address("2001:db8::1"), later);
        assert!(!budget.has(address("2001:db8::1"), later));
        for _ in 0..60 {
            assert!(budget.has(address("2001:db8::1"), later + REFILL + REFILL));
            budget.spend(address("2001:db8::1"), later + REFILL + REFILL);
        }
        let any = Budget::new(0);
        (0..1000).for_each(|_| any.spend(address("192.0.2.1"), begun));
        assert!(any.has(address("192.0.2.1"), begun));
    }

    #[test]
    fn a_crowd_of_addresses_takes_bounded_memory() {
        let (budget, now) = (Budget::new(1), Instant::now());
        for n in 0..4 * ADDRESSES as u32 {
            budget.spend(IpAddr::from(n.to_be_bytes()), now);
        }
        let spent =
            (0..4 * ADDRESSES as u32).filter(|n| !budget.has(IpAddr::from(n.to_be_bytes()), now)).count();
        assert!((1..=ADDRESSES).contains(&spent), "{spent}");
    }
}
