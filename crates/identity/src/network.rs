//! Networks that requests come from, as limits count them, and how many people sign in from one.
//!
//! Networks are known by a MAC of their address only, and so is who was seen there: rows tell how many people a network
//! has, not who they are.

use std::net::IpAddr;

use db::{Tx, args};
use model::{AccountId, Timestamp};

use crate::Result;
use crate::personal::Personal;

/// For so long a network remembers who signed in from it.
pub(crate) const KNOWN_MS: i64 = 30 * 86_400_000;
/// How many times as much as one place on the network a subscriber with many of them may ask for.
const SUBSCRIBER: u32 = 5;
/// How many times its base the budget of a network may become.
const GROWTH: u32 = 10;

const SEEN: &str = "INSERT INTO network_accounts (network, who, seen_at) VALUES ($1, $2, $3)
    ON CONFLICT (network, who) DO UPDATE SET seen_at = excluded.seen_at";
const PEOPLE: &str = "SELECT COUNT(*) AS n FROM (
    SELECT 1 AS one FROM network_accounts WHERE network = $1 AND seen_at > $2 LIMIT $3) people";

/// The networks of a request's address, largest first: an IPv4 address; a /48 of IPv6 and a /64 of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Networks(String);

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network<'a> {
    /// A MAC of its address.
    pub(crate) name: &'a str,
    /// How many times as much as one place on the network it may have.
    times: u32,
}

impl Networks {
    /// The networks of an address.
    pub(crate) fn of(personal: &Personal, ip: IpAddr) -> Self {
        let named = |(network, times): &(String, u32)| format!("{}/{times}", personal.name_of(network));
        Self(networks_of(ip).iter().map(named).collect::<Vec<_>>().join(" "))
    }

    /// As [`Self::as_str`] wrote them.
    pub(crate) fn read(column: String) -> Self {
        Self(column)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Network<'_>> {
        let read = |word| {
            let (name, times): (&str, &str) = str::rsplit_once(word, '/')?;
            Some(Network { name, times: times.parse().ok()? })
        };
        self.0.split(' ').filter_map(read)
    }

    /// The largest, which is what one who asks has.
    pub(crate) fn whole(&self) -> &str {
        self.iter().next().map_or("", |network| network.name)
    }
}

impl Network<'_> {
    /// How much it may have where everybody has `base`: one more for each person who signed in from it lately.
    pub(crate) async fn budget(&self, tx: &mut Tx, base: u32, now: Timestamp) -> Result<u32> {
        let base = base * self.times;
        let most = base * (GROWTH - 1);
        let people: u32 = tx.one(PEOPLE, args![self.name, now.plus_ms(-KNOWN_MS), most]).await?.get("n")?;
        Ok(base + people)
    }
}

/// Notes that somebody signed in from an address.
pub(crate) async fn signed_in(
    tx: &mut Tx,
    personal: &Personal,
    ip: IpAddr,
    account: AccountId,
    now: Timestamp,
) -> Result<()> {
    for network in Networks::of(personal, ip).iter() {
        let who = personal.name_of(&format!("{} {account}", network.name));
        tx.execute(SEEN, args![network.name, who, now]).await?;
    }
    Ok(())
}

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

    #[test]
    fn networks_are_read_as_they_were_written() {
        let networks = Networks::read("aa/5 bb/1".into());
        let read: Vec<_> = networks.iter().map(|network| (network.name, network.times)).collect();
        assert_eq!(read, [("aa", 5), ("bb", 1)]);
        assert_eq!((networks.whole(), networks.as_str()), ("aa", "aa/5 bb/1"));
        assert_eq!((Networks::default().iter().count(), Networks::default().whole()), (0, ""));
    }
}
