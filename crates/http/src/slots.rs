//! Slots for connections: so many at a time, and nobody keeps them all.
//!
//! An address may have as many connections as are still free: one alone gets half of all slots, the next one half of
//! the rest. Of IPv6 a /48, the most that a subscriber gets, counts as one address; within it a /64 may have as many as
//! are left of what the /48 may still take. Many viewers behind one address – a school, a company – are served as long
//! as the door is not crowded.
//!
//! A few addresses together can take all slots. So when none is free, the client with the most is asked to give up the
//! connection that came first, then the next one, until a slot is free. Running requests may finish, so a client that
//! comes next finds a slot soon as long as anybody idles who has more than one. Proxies, which speak for many, are
//! bounded by nothing and never asked.

mod holders;

use std::net::{IpAddr, Ipv6Addr};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use holders::Holders;
pub use holders::site;

/// How long the first one that was asked to leave is waited for before another one is asked: longer than an idle
/// connection takes to end. Each further one is waited for half as long, so that many that are busy hide no idle one.
const TIME_LIMIT: Duration = Duration::from_millis(100);
/// The shortest time between two that are asked.
const LEAST_TIME_LIMIT: Duration = Duration::from_millis(1);

/// The slots of a door. Cheap to clone; clones share them.
#[derive(Debug, Clone)]
pub struct ConnectionSlots {
    free: Arc<Semaphore>,
    /// Most of one household, besides the rule.
    most: usize,
    holders: Arc<Mutex<Holders>>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    taken: AtomicU64,
    turned_away: AtomicU64,
}

/// A free connection slot.
#[derive(Debug)]
pub struct Free {
    permit: OwnedSemaphorePermit,
    slots: ConnectionSlots,
}

/// A connection's slot, until it is dropped.
#[derive(Debug)]
pub struct Slot {
    _permit: OwnedSemaphorePermit,
    /// The client's address and the slot's number there; `None` for a proxy, which serves many clients.
    of: Option<(IpAddr, u64)>,
    slots: ConnectionSlots,
}

impl ConnectionSlots {
    /// `all` slots, of which a household has at most `most` (0: as many as the rule allows).
    pub fn new(all: usize, most: usize) -> Self {
        let free = Arc::new(Semaphore::new(all.min(Semaphore::MAX_PERMITS)));
        let most = if most == 0 { usize::MAX } else { most };
        Self { free, most, holders: Arc::default(), counts: Arc::default() }
    }

    /// Waits for a slot, and makes another connection end if there is none. Cancel-safe.
    pub async fn free(&self) -> Free {
        let mut permit = pin!(self.free.clone().acquire_owned());
        let permit = tokio::select! {
            biased;
            permit = permit.as_mut() => permit,
            () = self.make_room() => permit.await,
        };
        Free { permit: permit.expect("nobody closes the slots"), slots: self.clone() }
    }

    /// Asks one after the other to leave, ever sooner; ends when nobody is left to be asked.
    async fn make_room(&self) {
        let mut time_limit = TIME_LIMIT;
        while self.ask_one_to_leave() {
            sleep(time_limit).await;
            time_limit = (time_limit / 2).max(LEAST_TIME_LIMIT);
        }
    }

    fn ask_one_to_leave(&self) -> bool {
        let next = self.holders().next_to_leave();
        next.inspect(CancellationToken::cancel).is_some()
    }

    /// Asks the oldest connection of an address to leave, once it idles, and gives its slot to another one of that
    /// address if there is one now. For connections that would be turned away otherwise.
    pub fn take_turns(&self, address: IpAddr, end: CancellationToken) -> Option<Slot> {
        let household = household(address);
        let permit = self.free.clone().try_acquire_owned().ok()?;
        let mut holders = self.holders();
        let left = self.free.available_permits() + 1;
        if holders.taken_by(household) < holders.share(household, left).min(self.most) {
            let number = holders.come(household, end);
            drop(holders);
            return Some(Slot::new(permit, Some((household, number)), self.clone()));
        }
        if let Some(oldest) = holders.oldest_of(household) {
            oldest.cancel();
        }
        None
    }

    /// Connections that have a slot now.
    pub fn crowd(&self) -> u64 {
        self.counts.taken.load(Ordering::Relaxed)
    }

    /// Connections that got none because their address had its share.
    pub fn turned_away(&self) -> u64 {
        self.counts.turned_away.load(Ordering::Relaxed)
    }

    fn holders(&self) -> MutexGuard<'_, Holders> {
        runtime::lock(&self.holders)
    }
}

impl Free {
    /// Gives the slot to a connection of an address; `None` when that has its share already. The connection is to end
    /// once `end` is cancelled, for then its slot is needed.
    pub fn take(self, address: IpAddr, end: CancellationToken) -> Option<Slot> {
        let Self { permit, slots } = self;
        let household = household(address);
        let mut holders = slots.holders();
        // The slot in hand is one of those that were free.
        let left = slots.free.available_permits() + 1;
        if holders.taken_by(household) >= holders.share(household, left).min(slots.most) {
            slots.counts.turned_away.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let number = holders.come(household, end);
        drop(holders);
        Some(Slot::new(permit, Some((household, number)), slots))
    }

    /// Gives the slot to a proxy, which serves many clients: its share is not bounded, and it is never asked to leave.
    pub fn take_for_many(self) -> Slot {
        Slot::new(self.permit, None, self.slots)
    }
}

impl Slot {
    fn new(permit: OwnedSemaphorePermit, of: Option<(IpAddr, u64)>, slots: ConnectionSlots) -> Self {
        slots.counts.taken.fetch_add(1, Ordering::Relaxed);
        Self { _permit: permit, of, slots }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.counts.taken.fetch_sub(1, Ordering::Relaxed);
        if let Some((household, number)) = self.of {
            self.slots.holders().leave(household, number);
        }
    }
}

/// The address that counts as one client: an IPv4 address, or the /64 that an IPv6 subscriber gets at least.
pub fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) & !0 << 64).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_secs(1);

    async fn come(slots: &ConnectionSlots, address: &str) -> Option<Slot> {
        slots.free().await.take(address.parse().unwrap(), CancellationToken::new())
    }

    /// All that an address gets; they stay.
    async fn crowd(slots: &ConnectionSlots, address: &str) -> Vec<Slot> {
        let mut all = Vec::new();
        while let Some(slot) = come(slots, address).await {
            all.push(slot);
        }
        all
    }

    async fn proxies(slots: &ConnectionSlots, n: usize) -> Vec<Slot> {
        let mut all = Vec::new();
        for _ in 0..n {
            all.push(slots.free().await.take_for_many());
        }
        all
    }

    /// Takes a slot that is left as soon as that is asked, or `everybody` has to leave.
    async fn idle(slots: &ConnectionSlots, address: &str, everybody: &CancellationToken) -> bool {
        let end = everybody.child_token();
        let Some(slot) = slots.free().await.take(address.parse().unwrap(), end.clone()) else {
            return false;
        };
        tokio::spawn(async move {
            end.cancelled().await;
            drop(slot);
        });
        true
    }

    async fn emptied(slots: &ConnectionSlots) {
        timeout(SOON * 20, async {
            while slots.crowd() > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        assert!(slots.holders().sites.is_empty());
    }

    fn taken(slots: &ConnectionSlots, address: &str) -> usize {
        slots.holders().taken_by(address.parse().unwrap())
    }

    #[tokio::test]
    async fn an_address_gets_as_many_as_are_left() {
        let slots = ConnectionSlots::new(120, 0);
        let mut all = Vec::new();
        for (n, expected) in [60, 30, 15, 8, 4, 2].into_iter().enumerate() {
            let of = crowd(&slots, &format!("192.0.2.{n}")).await;
            assert_eq!(of.len(), expected, "{n}");
            all.extend(of);
        }
        drop(all);
        assert_eq!(slots.crowd(), 0);
        let alone = crowd(&slots, "192.0.2.9").await;
        assert_eq!((alone.len(), slots.crowd(), slots.turned_away()), (60, 60, 7));
        drop(alone);
        emptied(&slots).await;
    }

    #[tokio::test]
    async fn whoever_comes_next_finds_a_place() {
        for all in [8192, 512, 64] {
            let (slots, everybody) = (ConnectionSlots::new(all, 0), CancellationToken::new());
            for n in 0..20 {
                while timeout(SOON, idle(&slots, &format!("192.0.2.{n}"), &everybody)).await.unwrap() {}
            }
            // Each of them was turned away once, when it had its share.
            assert_eq!(slots.turned_away(), 20, "{all}");
            let before = taken(&slots, "192.0.2.0");
            for n in 0..30 {
                assert!(timeout(SOON, idle(&slots, &format!("198.51.100.{n}"), &everybody)).await.unwrap());
            }
            assert_eq!(slots.turned_away(), 20, "{all}");
            assert!(taken(&slots, "192.0.2.0") < before, "{all}");
            for n in 0..20 {
                assert!(taken(&slots, &format!("192.0.2.{n}")) > 0, "{all}: {n} has none any more");
            }
            // A client that was crowded out does not get a slot by asking again.
            assert!(!idle(&slots, "192.0.2.0", &everybody).await, "{all}");
            everybody.cancel();
            emptied(&slots).await;
        }
    }

    #[tokio::test]
    async fn the_first_of_whoever_has_most_leaves_and_no_more_than_are_needed() {
        let slots = ConnectionSlots::new(12, 0);
        let come = async |address: &str| {
            let end = CancellationToken::new();
            (slots.free().await.take(address.parse().unwrap(), end.clone()).unwrap(), end)
        };
        let few = [come("192.0.2.1").await, come("192.0.2.1").await];
        let mut many = [come("192.0.2.2").await, come("192.0.2.2").await, come("192.0.2.2").await].map(Some);
        let _proxies = proxies(&slots, 7).await;
        let asked = |of: &[Option<(Slot, CancellationToken)>]| {
            of.iter().map(|one| one.as_ref().is_some_and(|(_, end)| end.is_cancelled())).collect::<Vec<_>>()
        };
        let waiting = tokio::spawn({
            let slots = slots.clone();
            async move { slots.free().await }
        });
        tokio::task::yield_now().await;
        assert_eq!(asked(&many), [true, false, false]);
        many[0] = None;
        let got = timeout(SOON, waiting).await.unwrap().unwrap();
        assert_eq!((asked(&many), few[0].1.is_cancelled()), (vec![false; 3], false));
        drop(got);
    }

    #[tokio::test]
    async fn many_that_are_busy_hide_no_idle_one() {
        let (slots, everybody) = (ConnectionSlots::new(256, 0), CancellationToken::new());
        let _busy = [crowd(&slots, "192.0.2.1").await, crowd(&slots, "192.0.2.2").await];
        // The last that came, of the client with the fewest.
        let _also = come(&slots, "192.0.2.3").await.unwrap();
        assert!(idle(&slots, "192.0.2.3", &everybody).await);
        let _proxies = proxies(&slots, slots.free.available_permits()).await;
        timeout(SOON * 5, come(&slots, "192.0.2.4")).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn nobody_leaves_its_only_place() {
        let (slots, everybody) = (ConnectionSlots::new(3, 0), CancellationToken::new());
        for address in ["192.0.2.1", "2001:db8::1"] {
            assert!(idle(&slots, address, &everybody).await);
        }
        let proxy = slots.free().await.take_for_many();
        assert!(timeout(3 * TIME_LIMIT, slots.free()).await.is_err());
        assert_eq!(slots.crowd(), 3);
        drop(proxy);
        assert!(timeout(SOON, come(&slots, "192.0.2.2")).await.unwrap().is_some());
        everybody.cancel();
        emptied(&slots).await;
    }

    #[tokio::test]
    async fn a_bound_of_its_own_counts_too() {
        let slots = ConnectionSlots::new(120, 7);
        let crowd = crowd(&slots, "192.0.2.1").await;
        assert_eq!(crowd.len(), 7);
        let proxies = proxies(&slots, 100).await;
        assert_eq!((crowd.len(), proxies.len(), slots.free.available_permits()), (7, 100, 13));
        assert_eq!(slots.crowd(), 107);
    }

    #[tokio::test]
    async fn an_ipv6_site_is_one_address_and_its_households_share_that() {
        let slots = ConnectionSlots::new(120, 0);
        let mut all = Vec::new();
        for (address, expected) in [
            ("2001:db8::1", 30),
            // The same /64.
            ("2001:db8::ffff:2", 0),
            ("2001:db8:0:1::1", 15),
            // Another /48 has a share of its own.
            ("2001:db8:1::1", 19),
            ("192.0.2.1", 28),
        ] {
            let of = crowd(&slots, address).await;
            assert_eq!(of.len(), expected, "{address}");
            all.extend(of);
        }
        drop(all);
        emptied(&slots).await;
        let mut site = Vec::new();
        for n in 0..1000 {
            site.extend(crowd(&slots, &format!("2001:db8:0:{n:x}::1")).await);
        }
        assert_eq!(site.len(), 60);
        drop(site);
        emptied(&slots).await;
    }

    #[tokio::test]
    async fn an_ipv6_site_leaves_as_one_address_does() {
        let (slots, everybody) = (ConnectionSlots::new(16, 0), CancellationToken::new());
        // Each of its households has one slot, and each IPv4 address two.
        for n in 0..8 {
            assert!(idle(&slots, &format!("2001:db8:0:{n}::1"), &everybody).await);
        }
        for n in 0..6 {
            assert!(idle(&slots, &format!("192.0.2.{}", n / 2), &everybody).await);
        }
        let _proxies = proxies(&slots, 2).await;
        for n in 9..12 {
            assert!(timeout(SOON, idle(&slots, &format!("192.0.2.{n}"), &everybody)).await.unwrap());
        }
        assert!((0..3).all(|n| taken(&slots, &format!("192.0.2.{n}")) == 2));
    }

    #[test]
    fn a_household_is_an_ipv4_address_or_a_64() {
        let household = |address: &str| household(address.parse().unwrap()).to_string();
        assert_eq!(household("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(household("2001:db8:1:2:3::4"), "2001:db8:1:2::");
    }
}
