//! Places for connections: so many at a time, and nobody keeps them all.
//!
//! An address may have as many connections as are still free: one alone gets half of all places, the next one half of
//! the rest. Of IPv6 a /48, the most that a subscriber gets, counts as one address; within it a /64 may have as many as
//! are left of what the /48 may still take. Many viewers behind one address – a school, a company – are served as long
//! as the door is not crowded.
//!
//! A few addresses together can take all places. So when none is free, whoever has most is asked to give up the
//! connection that came first, then the next one, until a place is free. What is under way may end, so whoever comes
//! next finds a place soon as long as anybody idles who has more than one. Proxies, which speak for many, are bounded by
//! nothing and never asked.

mod holders;

use std::net::{IpAddr, Ipv6Addr};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use holders::Holders;
pub use holders::site;

/// How long the first one that was asked to leave is waited for before another one is asked: longer than an idle
/// connection takes to end. Each further one is waited for half as long, so that many that are busy hide no idle one.
const PATIENCE: Duration = Duration::from_millis(100);
/// The shortest time between two that are asked.
const LEAST_PATIENCE: Duration = Duration::from_millis(1);

/// The places of a door. Cheap to clone; clones share them.
#[derive(Debug, Clone)]
pub struct Places {
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

/// A place that nobody sits on yet.
#[derive(Debug)]
pub struct Free {
    permit: OwnedSemaphorePermit,
    places: Places,
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
    /// Whose it is, and its number there; `None` for who speaks for many.
    of: Option<(IpAddr, u64)>,
    places: Places,
}

impl Places {
    /// `all` places, of which a household has at most `most` (0: as many as the rule allows).
    pub fn new(all: usize, most: usize) -> Self {
        let free = Arc::new(Semaphore::new(all.min(Semaphore::MAX_PERMITS)));
        let most = if most == 0 { usize::MAX } else { most };
        Self { free, most, holders: Arc::default(), counts: Arc::default() }
    }

    /// Waits for a place, and sees to it that somebody leaves if there is none. Cancel-safe.
    pub async fn free(&self) -> Free {
        let mut permit = pin!(self.free.clone().acquire_owned());
        let permit = tokio::select! {
            biased;
            permit = permit.as_mut() => permit,
            () = self.make_room() => permit.await,
        };
        Free { permit: permit.expect("nobody closes the places"), places: self.clone() }
    }

    /// Asks one after the other to leave, ever sooner; ends when nobody is left to be asked.
    async fn make_room(&self) {
        let mut patience = PATIENCE;
        while self.ask_one_to_leave() {
            sleep(patience).await;
            patience = (patience / 2).max(LEAST_PATIENCE);
        }
    }

    fn ask_one_to_leave(&self) -> bool {
        let next = self.holders().next_to_leave();
        next.inspect(CancellationToken::cancel).is_some()
    }

    /// Connections that have a place now.
    pub fn crowd(&self) -> u64 {
        self.counts.taken.load(Ordering::Relaxed)
    }

    /// Connections that got none because their address had its share.
    pub fn turned_away(&self) -> u64 {
        self.counts.turned_away.load(Ordering::Relaxed)
    }

    fn holders(&self) -> MutexGuard<'_, Holders> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Free {
    /// Gives the place to a connection of an address; `None` when that has its share already. The connection is to end
    /// once `end` is cancelled, for then its place is needed.
    pub fn take(self, address: IpAddr, end: CancellationToken) -> Option<Place> {
        let Self { permit, places } = self;
        let household = household(address);
        let mut holders = places.holders();
        // The place in hand is one of those that were free.
        let left = places.free.available_permits() + 1;
        if holders.taken_by(household) >= holders.share(household, left).min(places.most) {
            places.counts.turned_away.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let number = holders.come(household, end);
        drop(holders);
        Some(Place::new(permit, Some((household, number)), places))
    }

    /// Gives the place to a proxy, which speaks for many: its share is not bounded, and it is never asked to leave.
    pub fn take_for_many(self) -> Place {
        Place::new(self.permit, None, self.places)
    }
}

impl Place {
    fn new(permit: OwnedSemaphorePermit, of: Option<(IpAddr, u64)>, places: Places) -> Self {
        places.counts.taken.fetch_add(1, Ordering::Relaxed);
        Self { _permit: permit, of, places }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.counts.taken.fetch_sub(1, Ordering::Relaxed);
        if let Some((household, number)) = self.of {
            self.places.holders().leave(household, number);
        }
    }
}

/// What counts as one address: an IPv4 address, or the /64 that an IPv6 subscriber gets at least.
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

    async fn come(places: &Places, address: &str) -> Option<Place> {
        places.free().await.take(address.parse().unwrap(), CancellationToken::new())
    }

    /// All that an address gets; they stay.
    async fn crowd(places: &Places, address: &str) -> Vec<Place> {
        let mut all = Vec::new();
        while let Some(place) = come(places, address).await {
            all.push(place);
        }
        all
    }

    async fn proxies(places: &Places, n: usize) -> Vec<Place> {
        let mut all = Vec::new();
        for _ in 0..n {
            all.push(places.free().await.take_for_many());
        }
        all
    }

    /// Takes a place that is left as soon as that is asked, or `everybody` has to leave.
    async fn idle(places: &Places, address: &str, everybody: &CancellationToken) -> bool {
        let end = everybody.child_token();
        let Some(place) = places.free().await.take(address.parse().unwrap(), end.clone()) else {
            return false;
        };
        tokio::spawn(async move {
            end.cancelled().await;
            drop(place);
        });
        true
    }

    async fn emptied(places: &Places) {
        timeout(SOON * 20, async {
            while places.crowd() > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        assert!(places.holders().sites.is_empty());
    }

    fn taken(places: &Places, address: &str) -> usize {
        places.holders().taken_by(address.parse().unwrap())
    }

    #[tokio::test]
    async fn an_address_gets_as_many_as_are_left() {
        let places = Places::new(120, 0);
        let mut all = Vec::new();
        for (n, expected) in [60, 30, 15, 8, 4, 2].into_iter().enumerate() {
            let of = crowd(&places, &format!("192.0.2.{n}")).await;
            assert_eq!(of.len(), expected, "{n}");
            all.extend(of);
        }
        drop(all);
        assert_eq!(places.crowd(), 0);
        let alone = crowd(&places, "192.0.2.9").await;
        assert_eq!((alone.len(), places.crowd(), places.turned_away()), (60, 60, 7));
        drop(alone);
        emptied(&places).await;
    }

    #[tokio::test]
    async fn whoever_comes_next_finds_a_place() {
        for all in [8192, 512, 64] {
            let (places, everybody) = (Places::new(all, 0), CancellationToken::new());
            for n in 0..20 {
                while timeout(SOON, idle(&places, &format!("192.0.2.{n}"), &everybody)).await.unwrap() {}
            }
            // Each of them was turned away once, when it had its share.
            assert_eq!(places.turned_away(), 20, "{all}");
            let before = taken(&places, "192.0.2.0");
            for n in 0..30 {
                assert!(timeout(SOON, idle(&places, &format!("198.51.100.{n}"), &everybody)).await.unwrap());
            }
            assert_eq!(places.turned_away(), 20, "{all}");
            assert!(taken(&places, "192.0.2.0") < before, "{all}");
            for n in 0..20 {
                assert!(taken(&places, &format!("192.0.2.{n}")) > 0, "{all}: {n} has none any more");
            }
            // Who is crowded out does not come back in by taking anew.
            assert!(!idle(&places, "192.0.2.0", &everybody).await, "{all}");
            everybody.cancel();
            emptied(&places).await;
        }
    }

    #[tokio::test]
    async fn the_first_of_whoever_has_most_leaves_and_no_more_than_are_needed() {
        let places = Places::new(12, 0);
        let come = async |address: &str| {
            let end = CancellationToken::new();
            (places.free().await.take(address.parse().unwrap(), end.clone()).unwrap(), end)
        };
        let few = [come("192.0.2.1").await, come("192.0.2.1").await];
        let mut many = [come("192.0.2.2").await, come("192.0.2.2").await, come("192.0.2.2").await].map(Some);
        let _proxies = proxies(&places, 7).await;
        let asked = |of: &[Option<(Place, CancellationToken)>]| {
            of.iter().map(|one| one.as_ref().is_some_and(|(_, end)| end.is_cancelled())).collect::<Vec<_>>()
        };
        let waiting = tokio::spawn({
            let places = places.clone();
            async move { places.free().await }
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
        let (places, everybody) = (Places::new(256, 0), CancellationToken::new());
        let _busy = [crowd(&places, "192.0.2.1").await, crowd(&places, "192.0.2.2").await];
        // The last that came, of who has least.
        let _also = come(&places, "192.0.2.3").await.unwrap();
        assert!(idle(&places, "192.0.2.3", &everybody).await);
        let _proxies = proxies(&places, places.free.available_permits()).await;
        timeout(SOON * 5, come(&places, "192.0.2.4")).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn nobody_leaves_its_only_place() {
        let (places, everybody) = (Places::new(3, 0), CancellationToken::new());
        for address in ["192.0.2.1", "2001:db8::1"] {
            assert!(idle(&places, address, &everybody).await);
        }
        let proxy = places.free().await.take_for_many();
        assert!(timeout(3 * PATIENCE, places.free()).await.is_err());
        assert_eq!(places.crowd(), 3);
        drop(proxy);
        assert!(timeout(SOON, come(&places, "192.0.2.2")).await.unwrap().is_some());
        everybody.cancel();
        emptied(&places).await;
    }

    #[tokio::test]
    async fn a_bound_of_its_own_counts_too() {
        let places = Places::new(120, 7);
        let crowd = crowd(&places, "192.0.2.1").await;
        assert_eq!(crowd.len(), 7);
        let proxies = proxies(&places, 100).await;
        assert_eq!((crowd.len(), proxies.len(), places.free.available_permits()), (7, 100, 13));
        assert_eq!(places.crowd(), 107);
    }

    #[tokio::test]
    async fn an_ipv6_site_is_one_address_and_its_households_share_that() {
        let places = Places::new(120, 0);
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
            let of = crowd(&places, address).await;
            assert_eq!(of.len(), expected, "{address}");
            all.extend(of);
        }
        drop(all);
        emptied(&places).await;
        let mut site = Vec::new();
        for n in 0..1000 {
            site.extend(crowd(&places, &format!("2001:db8:0:{n:x}::1")).await);
        }
        assert_eq!(site.len(), 60);
        drop(site);
        emptied(&places).await;
    }

    #[tokio::test]
    async fn an_ipv6_site_leaves_as_one_address_does() {
        let (places, everybody) = (Places::new(16, 0), CancellationToken::new());
        // Each of its households has one place, and each IPv4 address two.
        for n in 0..8 {
            assert!(idle(&places, &format!("2001:db8:0:{n}::1"), &everybody).await);
        }
        for n in 0..6 {
            assert!(idle(&places, &format!("192.0.2.{}", n / 2), &everybody).await);
        }
        let _proxies = proxies(&places, 2).await;
        for n in 9..12 {
            assert!(timeout(SOON, idle(&places, &format!("192.0.2.{n}"), &everybody)).await.unwrap());
        }
        assert!((0..3).all(|n| taken(&places, &format!("192.0.2.{n}")) == 2));
    }

    #[test]
    fn a_household_is_an_ipv4_address_or_a_64() {
        let household = |address: &str| household(address.parse().unwrap()).to_string();
        assert_eq!(household("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(household("2001:db8:1:2:3::4"), "2001:db8:1:2::");
    }
}
