//! Answers kept in memory, and answers on their way that several requests wait for.

mod entry;
mod fill;
mod freshness;
mod memory;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock, RwLockWriteGuard, Weak};
use std::time::Duration;

use model::delivery::Origin;
use tinyufo::TinyUfo;
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub(crate) use entry::{Entry, Gauge, Held, Meta};
pub(crate) use fill::{Fill, Head, Lead, Reader, Writer};
pub(crate) use freshness::{Keep, keep};
pub(crate) use memory::MemoryBudget;

/// One unit of weight, in bytes: TinyUFO counts in 16 bits.
const UNIT: u64 = 1024;

/// Slots that are checked before requests that add an answer get their turn.
const PORTION: usize = 1024;

/// Keys that are remembered as not shared, and for how long.
const ALONE: usize = 4096;
const ALONE_FOR: Duration = Duration::from_secs(30);

/// Key of a cached answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) origin: Origin,
    /// Scheme and host, where the upstream gets to see them.
    pub(crate) place: Option<(&'static str, Box<str>)>,
    /// Path and own query.
    pub(crate) target: Box<str>,
}

/// The memory, bounded by bytes; which answers stay is decided by S3-FIFO.
///
/// Entries are found by a hash but compared by their whole key.
pub(crate) struct Cache {
    entries: TinyUfo<u64, Arc<Slot>>,
    hasher: RandomState,
    fills: Mutex<HashMap<Key, Arc<Fill>>>,
    /// Keys whose answers were not for sharing, and until when that is believed.
    alone: TinyUfo<u64, Arc<(Key, Instant)>>,
    /// Units that answers on their way may take.
    budget: Arc<Semaphore>,
    gauge: Arc<Gauge>,
    /// Bytes of bodies, in clients' hands too.
    memory: Arc<MemoryBudget>,
    /// Every slot that may still hold an entry: kept entries can only be listed here. Changes of `entries` must hold
    /// the lock, because TinyUFO miscounts the weight of what is replaced and evicted at once.
    slots: Mutex<Vec<Weak<Slot>>>,
    /// Serialises sweeps; during one, `slots` is incomplete.
    sweep: Mutex<()>,
    /// Stands for every entry that was forgotten until its turn to be evicted comes: TinyUFO's `remove` leaves the key
    /// in its queues, which then grow without bound, and weighs it twice when it is put in again. An emptied key weighs
    /// one unit, more than it takes, so there are never more of them than units.
    emptied: Arc<Slot>,
    pub(crate) object_bytes: u64,
}

/// A place for an entry. TinyUFO frees what it evicts some time later, so an evicted slot is emptied at once.
struct Slot {
    place: RwLock<Option<Arc<Entry>>>,
    /// Whether it was asked for since somebody looked.
    asked: AtomicBool,
}

impl Slot {
    fn new(entry: Option<Arc<Entry>>) -> Arc<Self> {
        Arc::new(Self { place: RwLock::new(entry), asked: AtomicBool::new(true) })
    }

    fn read(&self) -> Option<Arc<Entry>> {
        runtime::read(&self.place).clone()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Option<Arc<Entry>>> {
        runtime::write(&self.place)
    }
}

/// How a request that finds no fresh entry continues.
pub(crate) enum Joined {
    /// Someone else has just finished.
    Hit(Arc<Entry>),
    /// The request must fetch the answer, also for later ones.
    Lead(Lead),
    /// The answer is on its way.
    Follow(Arc<Fill>),
}

impl Cache {
    pub(crate) fn new(bytes: u64, object_bytes: u32) -> Self {
        let units = usize::try_from(bytes / UNIT).unwrap_or(usize::MAX);
        let expected = (units / 64).clamp(1024, 65_536);
        let budget = (units / 2).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            entries: TinyUfo::new(units, expected),
            hasher: RandomState::new(),
            fills: Mutex::default(),
            alone: TinyUfo::new(ALONE, ALONE),
            budget: Arc::new(Semaphore::new(budget)),
            gauge: Arc::default(),
            memory: Arc::new(MemoryBudget::new(bytes)),
            slots: Mutex::default(),
            sweep: Mutex::default(),
            emptied: Slot::new(None),
            object_bytes: u64::from(object_bytes),
        }
    }

    /// The entry of a key, fresh or stale.
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Entry>> {
        let slot = self.entries.get(&self.hasher.hash_one(key))?;
        let entry = slot.read().filter(|entry| entry.key == *key)?;
        // A hot entry's mark is only read.
        if !slot.asked.load(Ordering::Relaxed) {
            slot.asked.store(true, Ordering::Relaxed);
        }
        Some(entry)
    }

    /// Keeps an entry, if it is worth its place.
    pub(crate) fn put(&self, entry: Arc<Entry>) {
        let hash = self.hasher.hash_one(&entry.key);
        let weight = entry.bytes().div_ceil(UNIT).max(1);
        let Ok(weight) = u16::try_from(weight) else { return };
        let mut slots = self.slots();
        let old = self.entries.get(&hash);
        if let Some(slot) = &old {
            // Renewed headers of the same bytes keep their place.
            let mut place = slot.write();
            if place.as_ref().is_some_and(|old| old.key == entry.key && old.bytes() == entry.bytes()) {
                *place = Some(entry);
                return;
            }
        }
        let slot = Slot::new(Some(entry));
        list(&mut slots, &slot);
        self.admit(hash, slot, weight);
        if let Some(slot) = old {
            slot.write().take();
        }
    }

    /// Puts a slot in place of what the key had, and empties those that are evicted for it. Only for callers that hold
    /// `slots`.
    fn admit(&self, hash: u64, slot: Arc<Slot>, weight: u16) {
        // Forced, or TinyUFO would refuse a new key for the sake of one that came oftener, though that is emptied.
        for evicted in self.entries.force_put(hash, slot, weight) {
            evicted.data.write().take();
        }
    }

    /// Forgets the entry of a key.
    pub(crate) fn forget_one(&self, key: &Key) {
        let _changes = self.slots();
        let hash = self.hasher.hash_one(key);
        let taken = self.entries.get(&hash).and_then(|slot| slot.write().take_if(|entry| entry.key == *key));
        if taken.is_some() {
            self.admit(hash, self.emptied.clone(), 1);
        }
    }

    /// Forgets the entries whose keys `goes` names; answers how many. Entries that are added at the same time may stay.
    pub(crate) fn forget(&self, goes: impl Fn(&Key) -> bool) -> usize {
        self.forget_slots(|_, entry| goes(&entry.key))
    }

    /// Forgets the entries that nobody has asked for since the last time; answers how many.
    pub(crate) fn forget_idle(&self) -> usize {
        self.forget_slots(|slot, _| !slot.asked.swap(false, Ordering::Relaxed))
    }

    fn forget_slots(&self, goes: impl Fn(&Slot, &Entry) -> bool) -> usize {
        let _alone = runtime::lock(&self.sweep);
        let mut left = std::mem::take(&mut *self.slots());
        let mut forgotten = 0;
        while !left.is_empty() {
            let mut slots = self.slots();
            for listed in left.drain(left.len().saturating_sub(PORTION)..) {
                let Some(slot) = listed.upgrade() else { continue };
                let mut place = slot.write();
                if let Some(entry) = place.take_if(|entry| goes(&slot, entry)) {
                    drop(place);
                    forgotten += 1;
                    self.admit(self.hasher.hash_one(&entry.key), self.emptied.clone(), 1);
                } else if place.is_some() {
                    slots.push(listed);
                }
            }
            drop(slots);
            std::thread::yield_now();
        }
        forgotten
    }

    fn slots(&self) -> MutexGuard<'_, Vec<Weak<Slot>>> {
        runtime::lock(&self.slots)
    }

    /// Joins those who wait for a key, or becomes the one who fetches it.
    pub(crate) fn join(self: &Arc<Self>, key: &Key, now: Instant) -> Joined {
        let mut fills = runtime::lock(&self.fills);
        if let Some(fill) = fills.get(key) {
            return Joined::Follow(fill.clone());
        }
        // A finished fetch stores the entry before it leaves the list.
        if let Some(entry) = self.get(key).filter(|entry| entry.is_fresh(now)) {
            return Joined::Hit(entry);
        }
        let fill = Arc::new(Fill::default());
        fills.insert(key.clone(), fill.clone());
        Joined::Lead(Lead::new(self.clone(), key.clone(), fill))
    }

    /// Takes a fill off the list, so that nobody joins it any more.
    fn leave(&self, key: &Key, fill: &Arc<Fill>) {
        let mut fills = runtime::lock(&self.fills);
        if fills.get(key).is_some_and(|listed| Arc::ptr_eq(listed, fill)) {
            fills.remove(key);
        }
    }

    /// Whether a key's last answer was too large or too personal to be shared: waiting for it would only cost time.
    pub(crate) fn is_alone(&self, key: &Key, now: Instant) -> bool {
        self.alone.get(&self.hasher.hash_one(key)).is_some_and(|known| known.0 == *key && now < known.1)
    }

    pub(crate) fn remember_alone(&self, key: &Key, now: Instant) {
        self.alone.put(self.hasher.hash_one(key), Arc::new((key.clone(), now + ALONE_FOR)), 1);
    }

    /// Bytes of entries that exist.
    pub(crate) fn gauge(&self) -> &Arc<Gauge> {
        &self.gauge
    }

    /// Memory for bodies.
    pub(crate) fn memory(&self) -> &Arc<MemoryBudget> {
        &self.memory
    }
}

/// Adds a slot to the list, which is cleared of those that are gone before it grows.
fn list(slots: &mut Vec<Weak<Slot>>, slot: &Arc<Slot>) {
    if slots.len() == slots.capacity() {
        slots.retain(|slot| slot.strong_count() > 0);
        let live = slots.len();
        slots.reserve(live.max(64));
    }
    slots.push(Arc::downgrade(slot));
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::*;

    fn key(n: usize) -> Key {
        Key { origin: Origin::Packager, place: None, target: format!("/out/{n}").into() }
    }

    fn entry(cache: &Cache, n: usize, len: usize) -> Arc<Entry> {
        let meta = Meta::new(StatusCode::OK, HeaderMap::new(), len as u64);
        let body = Bytes::from(vec![0; len]);
        let fresh = (Duration::from_secs(60), Duration::ZERO);
        Arc::new(Entry::new(key(n), meta, body, fresh, Instant::now(), cache.gauge()))
    }

    #[tokio::test]
    async fn the_bound_holds_whatever_is_put_in() {
        let cache = Cache::new(4 << 20, 1 << 20);
        for n in 0..400 {
            cache.put(entry(&cache, n, 1 + (n * 7919) % (900 << 10)));
            assert!(cache.gauge().bytes() <= 4 << 20, "{} after {n}", cache.gauge().bytes());
        }
        assert!(cache.gauge().bytes() > 1 << 20);
        // Small ones too: each counts with its overhead.
        for n in 0..20_000 {
            cache.put(entry(&cache, 1000 + n, 10));
        }
        assert!(cache.gauge().bytes() <= 4 << 20, "{}", cache.gauge().bytes());
    }

    #[tokio::test]
    async fn an_entry_is_replaced_by_its_successor() {
        let cache = Cache::new(4 << 20, 1 << 20);
        for len in [1000, 2000, 2000, 500_000, 10] {
            cache.put(entry(&cache, 1, len));
            assert_eq!(cache.get(&key(1)).unwrap().meta.length, len as u64);
        }
        assert!(cache.gauge().bytes() < 10_000);
        assert!(cache.get(&key(2)).is_none());
    }

    #[tokio::test]
    async fn what_is_forgotten_is_gone_and_the_rest_stays() {
        let cache = Cache::new(4 << 20, 1 << 20);
        for n in 0..300 {
            cache.put(entry(&cache, n, 1000));
            cache.put(entry(&cache, n, 2000));
        }
        let odd = |key: &Key| key.target.ends_with(['1', '3', '5', '7', '9']);
        assert_eq!(cache.forget(odd), 150);
        assert_eq!(cache.forget(odd), 0);
        assert!((0..300).all(|n| cache.get(&key(n)).is_some() == (n % 2 == 0)));
        cache.put(entry(&cache, 1, 1000));
        assert!(cache.get(&key(1)).is_some());
        assert!(cache.gauge().bytes() < 151 * 4000, "{}", cache.gauge().bytes());
        cache.forget_one(&key(1));
        cache.forget_one(&key(1));
        assert!(cache.get(&key(1)).is_none() && cache.get(&key(2)).is_some());
    }

    #[tokio::test]
    async fn what_nobody_asks_for_is_forgotten_the_second_time() {
        let cache = Cache::new(4 << 20, 1 << 20);
        for n in 0..10 {
            cache.put(entry(&cache, n, 1000));
        }
        assert_eq!(cache.forget_idle(), 0);
        assert!(cache.get(&key(3)).is_some());
        assert_eq!(cache.forget_idle(), 9);
        assert!(cache.get(&key(3)).is_some() && cache.get(&key(4)).is_none());
        assert_eq!((cache.forget_idle(), cache.forget_idle(), cache.gauge().bytes()), (0, 1, 0));
    }

    #[tokio::test]
    async fn many_entries_are_looked_at_once_each() {
        let cache = Cache::new(8 << 20, 1 << 20);
        let all = 2 * PORTION + 7;
        for n in 0..all {
            cache.put(entry(&cache, n, 10));
        }
        let looked = std::cell::Cell::new(0_usize);
        let every_other = |_: &Slot, _: &Entry| looked.replace(looked.get() + 1).is_multiple_of(2);
        assert_eq!(cache.forget_slots(every_other), all.div_ceil(2));
        assert_eq!((looked.get(), cache.slots().len()), (all, all / 2));
        assert_eq!(cache.forget(|_| true), all / 2);
        assert!(cache.slots().is_empty());
    }

    #[tokio::test]
    async fn popular_entries_survive_a_scan() {
        let cache = Cache::new(4 << 20, 1 << 20);
        cache.put(entry(&cache, 0, 100 << 10));
        for n in 1..500 {
            for _ in 0..3 {
                assert!(cache.get(&key(0)).is_some(), "{n}");
            }
            cache.put(entry(&cache, n, 100 << 10));
        }
    }

    #[tokio::test]
    async fn what_comes_back_after_it_was_forgotten_counts_once() {
        let cache = Cache::new(4 << 20, 1 << 20);
        let put_and_ask = || {
            for n in 0..100 {
                cache.put(entry(&cache, n, 1000));
                assert!((0..2).all(|_| cache.get(&key(n)).is_some()), "{n}");
            }
        };
        for _ in 0..20 {
            put_and_ask();
            assert_eq!(cache.forget(|_| true), 100);
            assert_eq!(cache.gauge().bytes(), 0);
        }
        put_and_ask();
        for n in 1000..6000 {
            cache.put(entry(&cache, n, 3000));
        }
        let bytes = cache.gauge().bytes();
        assert!((3 << 20..=4 << 20).contains(&bytes), "{bytes}");
        assert!((0..100).all(|n| cache.get(&key(n)).is_some()), "popular entries survive the scan");
    }

    #[tokio::test]
    async fn what_is_left_of_forgotten_entries_is_bounded() {
        let cache = Cache::new(1 << 20, 1 << 20);
        for n in 0..20_000 {
            cache.put(entry(&cache, n, 1000));
            assert_eq!(cache.forget(|_| true), 1);
        }
        // One for each unit; TinyUFO frees some a little later.
        let left = Arc::strong_count(&cache.emptied);
        assert!((500..3000).contains(&left), "{left}");
        assert!(cache.slots().is_empty());
        for n in 0..400 {
            cache.put(entry(&cache, n, 1000));
        }
        let bytes = cache.gauge().bytes();
        assert!((800 << 10..=1 << 20).contains(&bytes), "new entries take the memory: {bytes}");
    }

    #[tokio::test]
    async fn one_leads_and_the_others_follow_until_it_leaves() {
        let cache = Arc::new(Cache::new(4 << 20, 1 << 20));
        let now = Instant::now();
        let Joined::Lead(lead) = cache.join(&key(1), now) else { panic!("the first leads") };
        assert!(matches!(cache.join(&key(1), now), Joined::Follow(_)));
        assert!(matches!(cache.join(&key(2), now), Joined::Lead(_)));
        let Joined::Follow(fill) = cache.join(&key(1), now) else { panic!("others follow") };
        drop(lead);
        assert!(matches!(fill.head().await, Head::Failed(_)));
        assert!(matches!(cache.join(&key(1), now), Joined::Lead(_)));
    }
}
