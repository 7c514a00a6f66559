//! How often people may have us write something down: a line in the log, a row in the database.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use http_face::ApiError;
use http_face::slots::{household, site};
use model::AccountId;

/// Over which it is counted.
const WINDOW: Duration = Duration::from_secs(60);

/// How many times as much as one address a site with many of them may have: a /48 of IPv6.
const SITE: u32 = 5;

/// Counts what strangers do, of all together and of each address, in as much memory as the most of all addresses take.
#[derive(Debug)]
pub(crate) struct Quota {
    all: u32,
    one: u32,
    window: Mutex<Option<Window>>,
}

#[derive(Debug)]
struct Window {
    began: Instant,
    all: u32,
    of: HashMap<Option<IpAddr>, u32>,
    of_sites: HashMap<IpAddr, u32>,
}

impl Quota {
    /// So many a minute of all together, and of one address.
    pub(crate) fn new(all: u32, one: u32) -> Self {
        Self { all, one, window: Mutex::default() }
    }

    /// Counts one more, if there is room for it.
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub(crate) fn take(&self, from: Option<IpAddr>, now: Instant) -> Result<(), ApiError> {
        let mut window = runtime::lock(&self.window);
        let fresh = || Window { began: now, all: 0, of: HashMap::new(), of_sites: HashMap::new() };
        let window = window.get_or_insert_with(fresh);
        if left(window.began, now).is_zero() {
            *window = fresh();
        }
        let (from, site) = (from.map(household), from.map(site).filter(IpAddr::is_ipv6));
        let of = window.of.get(&from).copied().unwrap_or(0);
        let of_site = site.and_then(|site| window.of_sites.get(&site)).copied().unwrap_or(0);
        // A client that comes for the first time is accepted as long as there is room.
        if of >= self.one.min(self.all - window.all) || of_site >= self.one * SITE {
            return Err(ApiError::too_many(left(window.began, now)));
        }
        window.all += 1;
        window.of.insert(from, of + 1);
        if let Some(site) = site {
            window.of_sites.insert(site, of_site + 1);
        }
        Ok(())
    }
}

/// Counts what each account does, in as much memory as those take that do anything within a minute.
#[derive(Debug)]
pub(crate) struct Share {
    one: u32,
    window: Mutex<Option<(Instant, HashMap<AccountId, u32>)>>,
}

impl Share {
    /// So many a minute of one account.
    pub(crate) fn new(one: u32) -> Self {
        Self { one, window: Mutex::default() }
    }

    /// Counts one more, if there is room for it.
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub(crate) fn take(&self, account: AccountId, now: Instant) -> Result<(), ApiError> {
        let mut window = runtime::lock(&self.window);
        let (began, of) = window.get_or_insert_with(|| (now, HashMap::new()));
        if left(*began, now).is_zero() {
            (*began, *of) = (now, HashMap::new());
        }
        let of = of.entry(account).or_default();
        if *of >= self.one {
            return Err(ApiError::too_many(left(*began, now)));
        }
        *of += 1;
        Ok(())
    }
}

/// How much of a window is left.
fn left(began: Instant, now: Instant) -> Duration {
    WINDOW.saturating_sub(now.saturating_duration_since(began))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    #[test]
    fn one_address_and_all_together_have_a_bound_that_passes() {
        let (quota, now) = (Quota::new(120, 20), Instant::now());
        let address = |n: u32| Some(IpAddr::from([192, 0, 2, u8::try_from(n).unwrap()]));
        let sent = |from, at| (0..1000).take_while(|_| quota.take(from, at).is_ok()).count();
        assert_eq!(sent(address(1), now), 20);
        assert_eq!(sent(None, now), 20);
        assert_eq!((2..100).map(|n| sent(address(n), now)).sum::<usize>(), 80);
        let later = now + Duration::from_millis(49_500);
        let refused = quota.take(address(200), later).unwrap_err().into_response();
        assert_eq!(
            (refused.status().as_u16(), &refused.headers()["retry-after"]),
            (429, &"11".parse().unwrap())
        );
        assert_eq!(sent(address(1), now + WINDOW), 20);
    }

    #[test]
    fn a_site_of_ipv6_has_no_more_for_having_many_networks() {
        let (quota, now) = (Quota::new(1000, 20), Instant::now());
        let sent = |from: String| (0..100).take_while(|_| quota.take(from.parse().ok(), now).is_ok()).count();
        let all = (0..50).map(|n| sent(format!("2001:db8:0:{n}::1"))).collect::<Vec<_>>();
        assert_eq!((all[0], all.iter().sum::<usize>()), (20, 100));
        assert_eq!(sent("2001:db8:1::1".into()), 20);
    }

    #[test]
    fn each_account_has_its_share_of_every_minute() {
        let (share, now) = (Share::new(20), Instant::now());
        let (one, other) = (AccountId::new(), AccountId::new());
        let did = |who, at| (0..100).take_while(|_| share.take(who, at).is_ok()).count();
        assert_eq!((did(one, now), did(other, now)), (20, 20));
        assert_eq!(did(one, now + WINDOW.mul_f64(0.99)), 0);
        assert_eq!(did(one, now + WINDOW), 20);
    }
}
