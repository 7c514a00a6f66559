//! Holders of slots, and which of them gives one up when none is left.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};

use tokio_util::sync::CancellationToken;

/// Holders of slots.
#[derive(Debug, Default)]
pub(super) struct Holders {
    pub(super) sites: HashMap<IpAddr, Site>,
    /// Connections that ever came: they are numbered by it.
    came: u64,
}

/// A client site with a share of the slots: an IPv4 address, or an IPv6 /48.
#[derive(Debug, Default)]
pub(super) struct Site {
    taken: usize,
    households: HashMap<IpAddr, Household>,
}

#[derive(Debug, Default)]
struct Household {
    taken: usize,
    /// Connections that were not asked to leave, by number.
    staying: BTreeMap<u64, CancellationToken>,
}

impl Holders {
    pub(super) fn taken_by(&self, household: IpAddr) -> usize {
        let site = self.sites.get(&site(household));
        site.and_then(|site| site.households.get(&household)).map_or(0, |household| household.taken)
    }

    /// How many slots a household may have while so many are left.
    pub(super) fn share(&self, household: IpAddr, left: usize) -> usize {
        if household.is_ipv4() {
            return left;
        }
        let taken = self.sites.get(&site(household)).map_or(0, |site| site.taken);
        // Slots that its site may still take: with each slot it has one more, and one fewer is left.
        left.saturating_sub(taken).div_ceil(2)
    }

    /// Counts a connection; returns its number.
    pub(super) fn come(&mut self, household: IpAddr, end: CancellationToken) -> u64 {
        self.came += 1;
        let site = self.sites.entry(site(household)).or_default();
        site.taken += 1;
        let household = site.households.entry(household).or_default();
        household.taken += 1;
        household.staying.insert(self.came, end);
        self.came
    }

    pub(super) fn leave(&mut self, household: IpAddr, number: u64) {
        let Entry::Occupied(mut site) = self.sites.entry(site(household)) else { return };
        site.get_mut().taken -= 1;
        if let Entry::Occupied(mut household) = site.get_mut().households.entry(household) {
            household.get_mut().taken -= 1;
            household.get_mut().staying.remove(&number);
            if household.get().taken == 0 {
                household.remove();
            }
        }
        if site.get().taken == 0 {
            site.remove();
        }
    }

    /// The oldest connection of a household that was not asked to leave, which is asked from now on.
    pub(super) fn oldest_of(&mut self, household: IpAddr) -> Option<CancellationToken> {
        let household = self.sites.get_mut(&site(household))?.households.get_mut(&household)?;
        household.staying.pop_first().map(|(_, end)| end)
    }

    /// The connection to close next, which no longer counts as staying: the oldest of the household that has
    /// most in the site that has most. Nobody has to leave the only slot of a site.
    pub(super) fn next_to_leave(&mut self) -> Option<CancellationToken> {
        let sites = self.sites.values_mut().filter(|site| site.taken > 1 && site.is_anybody_staying());
        let site = sites.max_by_key(|site| site.taken)?;
        let households = site.households.values_mut().filter(|household| !household.staying.is_empty());
        let household = households.max_by_key(|household| household.taken)?;
        household.staying.pop_first().map(|(_, end)| end)
    }
}

impl Site {
    fn is_anybody_staying(&self) -> bool {
        self.households.values().any(|household| !household.staying.is_empty())
    }
}

/// The address that counts as one site: an IPv4 address, or the /48 that an IPv6 subscriber gets at most (RFC 6177).
pub fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) & !0 << 80).into(),
        v4 => v4,
    }
}
