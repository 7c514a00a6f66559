//! Who has places, and who is to leave when none is left.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};

use tokio_util::sync::CancellationToken;

/// Who has places.
#[derive(Debug, Default)]
pub(super) struct Holders {
    pub(super) sites: HashMap<IpAddr, Site>,
    /// Connections that ever came: they are numbered by it.
    came: u64,
}

/// Who has a share of the door: an IPv4 address, or an IPv6 /48.
#[derive(Debug, Default)]
pub(super) struct Site {
    taken: usize,
    households: HashMap<IpAddr, Household>,
}

#[derive(Debug, Default)]
struct Household {
    taken: usize,
    /// Those that were not asked to leave, by their numbers.
    staying: BTreeMap<u64, CancellationToken>,
}

impl Holders {
    pub(super) fn taken_by(&self, household: IpAddr) -> usize {
        let site = self.sites.get(&site(household));
        site.and_then(|site| site.households.get(&household)).map_or(0, |household| household.taken)
    }

    /// How many places a household may have while so many are left.
    pub(super) fn share(&self, household: IpAddr, left: usize) -> usize {
        if household.is_ipv4() {
            return left;
        }
        let taken = self.sites.get(&site(household)).map_or(0, |site| site.taken);
        // What its site may still take: with each place it has one more, and one fewer is left.
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

    /// Who is to leave next, and does not count as staying from now on: the first that came of the household that has
    /// most in the site that has most. Nobody has to leave the only place of a site.
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

/// What has a share of the door: an IPv4 address, or the /48 that an IPv6 subscriber gets at most (RFC 6177).
pub fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) & !0 << 80).into(),
        v4 => v4,
    }
}
