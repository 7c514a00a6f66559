//! Places for connections: so many at a time, and no address takes more than are left for others.
//!
//! An address may have as many connections as are still free. One alone gets at most half of all places, two get at
//! most a third each, and however many there are, whoever comes next finds a place. Many viewers behind one address –
//! a school, a company – are served as long as the door is not crowded.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places of a door. Cheap to clone; clones share them.
#[derive(Debug, Clone)]
pub struct Places {
    free: Arc<Semaphore>,
    /// Most of one address, besides the rule; 0 for no further bound.
    most: usize,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
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
    /// Whose it is; `None` for who speaks for many.
    of: Option<IpAddr>,
    places: Places,
}

impl Places {
    /// `all` places, of which an address has at most `most` (0: as many as the rule allows).
    pub fn new(all: usize, most: usize) -> Self {
        let free = Arc::new(Semaphore::new(all.min(Semaphore::MAX_PERMITS)));
        Self { free, most, taken: Arc::default(), counts: Arc::default() }
    }

    /// Waits for a place. Cancel-safe.
    pub async fn free(&self) -> Free {
        let permit = self.free.clone().acquire_owned().await.expect("nobody closes the places");
        Free { permit, places: self.clone() }
    }

    /// Connections that have a place now.
    pub fn crowd(&self) -> u64 {
        self.counts.taken.load(Ordering::Relaxed)
    }

    /// Connections that got none because their address had its share.
    pub fn turned_away(&self) -> u64 {
        self.counts.turned_away.load(Ordering::Relaxed)
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Free {
    /// Gives the place to an address; `None` when it has its share already.
    pub fn take(self, address: IpAddr) -> Option<Place> {
        let Self { permit, places } = self;
        let whose = household(address);
        let mut taken = places.taken();
        let has = taken.get(&whose).copied().unwrap_or(0);
        // The place in hand is one of those that were free.
        let left = places.free.available_permits() + 1;
        if has >= left || (places.most > 0 && has >= places.most) {
            places.counts.turned_away.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        taken.insert(whose, has + 1);
        drop(taken);
        Some(Place::new(permit, Some(whose), places))
    }

    /// Gives the place to a proxy, which speaks for many and whose share is not bounded.
    pub fn take_for_many(self) -> Place {
        Place::new(self.permit, None, self.places)
    }
}

impl Place {
    fn new(permit: OwnedSemaphorePermit, of: Option<IpAddr>, places: Places) -> Self {
        places.counts.taken.fetch_add(1, Ordering::Relaxed);
        Self { _permit: permit, of, places }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.counts.taken.fetch_sub(1, Ordering::Relaxed);
        let Some(whose) = &self.of else { return };
        let mut taken = self.places.taken();
        if let Some(has) = taken.get_mut(whose) {
            *has -= 1;
            if *has == 0 {
                taken.remove(whose);
            }
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
    use super::*;

    async fn come(places: &Places, address: &str) -> Option<Place> {
        places.free().await.take(address.parse().unwrap())
    }

    async fn crowd(places: &Places, address: &str) -> Vec<Place> {
        let mut all = Vec::new();
        while let Some(place) = come(places, address).await {
            all.push(place);
        }
        all
    }

    #[tokio::test]
    async fn whoever_comes_next_finds_a_place() {
        let places = Places::new(120, 0);
        let one = crowd(&places, "192.0.2.1").await;
        assert_eq!(one.len(), 60);
        let two = crowd(&places, "192.0.2.2").await;
        assert_eq!(two.len(), 30);
        let mut others = Vec::new();
        for n in 3..7 {
            let of = crowd(&places, &format!("192.0.2.{n}")).await;
            assert!(!of.is_empty(), "{n}");
            others.extend(of);
        }
        drop((one, two, others));
        assert_eq!(places.crowd(), 0);
        let alone = crowd(&places, "192.0.2.9").await;
        assert_eq!((alone.len(), places.crowd(), places.turned_away()), (60, 60, 7));
        drop(alone);
        assert!(places.taken().is_empty());
    }

    #[tokio::test]
    async fn a_bound_of_its_own_counts_too() {
        let places = Places::new(120, 7);
        let crowd = crowd(&places, "192.0.2.1").await;
        assert_eq!(crowd.len(), 7);
        let proxy: Vec<Place> = {
            let mut all = Vec::new();
            for _ in 0..100 {
                all.push(places.free().await.take_for_many());
            }
            all
        };
        assert_eq!((crowd.len(), proxy.len(), places.free.available_permits()), (7, 100, 13));
        assert_eq!(places.crowd(), 107);
    }

    #[tokio::test]
    async fn an_ipv6_subscriber_is_one_address() {
        let places = Places::new(4, 0);
        let _one = come(&places, "2001:db8::1").await.unwrap();
        let _two = come(&places, "2001:db8::2").await.unwrap();
        assert!(come(&places, "2001:db8::ffff:3").await.is_none());
        assert!(come(&places, "2001:db8:0:1::1").await.is_some());
        assert_eq!(household("::ffff:192.0.2.1".parse().unwrap()), household("192.0.2.1".parse().unwrap()));
    }
}
