//! Many people behind one address of the network, one who floods mailboxes, and one who asks in somebody else's name.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};

use identity::challenge::Begun;
use identity::{Config, Error, Role};
use model::Timestamp;

use crate::support::{House, NOW, code_of, houses};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn network(n: u8) -> IpAddr {
    Ipv4Addr::new(198, 51, 100, n).into()
}

/// Asks in a browser that nobody knows; `None` when it is refused, with when to try again.
async fn ask(house: &House, address: &str, from: IpAddr, now: Timestamp) -> Result<Begun, Timestamp> {
    match house.begin_in(address, None, from, now).await {
        Ok(begun) => Ok(begun),
        Err(Error::TooMany { retry_after_seconds: s }) => Err(now.plus_ms(i64::from(s) * 1000)),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_school_of_three_hundred_signs_in_within_ten_minutes_and_a_bomber_beside_it_does_not_get_far() {
    for house in houses(&Config::default()).await {
        for n in 0..300 {
            house.identity.ensure_account(&format!("p{n}@school.example"), Role::Viewer, NOW).await.unwrap();
        }
        // They all come within the first minute, and type the code 40 s after they asked for it.
        let mut pupils: Vec<(Timestamp, usize)> =
            (0..300).map(|n| (NOW.plus_ms(i64::from(n) * 7919 % MINUTE), n as usize)).collect();
        let mut typing: VecDeque<(Timestamp, usize, Begun)> = VecDeque::new();
        let (mut signed_in, mut bombs, mut now) = (0, 0, NOW);
        while signed_in < 300 {
            assert!(now < NOW.plus_ms(10 * MINUTE), "{signed_in} of 300 signed in");
            let victim = format!("v{}@example.org", now.0);
            bombs += usize::from(ask(&house, &victim, network(9), now).await.is_ok());
            for (due, n) in &mut pupils {
                if *due <= now {
                    match ask(&house, &format!("p{n}@school.example"), network(1), now).await {
                        Ok(begun) => {
                            typing.push_back((now.plus_ms(40_000), *n, begun));
                            *due = Timestamp(i64::MAX);
                        }
                        Err(later) => *due = later,
                    }
                }
            }
            if typing.front().is_some_and(|(due, ..)| *due <= now) {
                let codes = house.codes(now).await;
                while let Some((due, n, begun)) = typing.pop_front() {
                    if due > now {
                        typing.push_front((due, n, begun));
                        break;
                    }
                    let code = &codes[&format!("p{n}@school.example")];
                    house.verify(&begun, code, now).await.unwrap();
                    signed_in += 1;
                }
            }
            now = now.plus_ms(5000);
        }
        for n in 0..3600 {
            let (victim, now) = (format!("w{n}@example.org"), now.plus_ms(i64::from(n) * 100));
            bombs += usize::from(ask(&house, &victim, network(9), now).await.is_ok());
            if bombs > 40 {
                break;
            }
        }
        assert_eq!(bombs, 40, "nobody signed in from there: {:?}", house.test.engine());
    }
}

#[tokio::test]
async fn a_mailbox_gets_ten_mails_a_day_from_one_network_and_thirty_from_all_however_it_is_spelled() {
    for house in houses(&Config { open_sign_up: true, ..Config::default() }).await {
        let mut sent = [0; 2];
        for n in 0..144 {
            let now = NOW.plus_ms(n * 10 * MINUTE - 1);
            let spelled = ["bomb@example.org", "b.omb@example.org", "Bomb+7@example.org"][n as usize % 3];
            sent[0] += usize::from(ask(&house, spelled, network(1), now).await.is_ok());
            for other in 2..5 {
                let other = network(other + (n as u8 % 40) * 3);
                sent[1] += usize::from(ask(&house, spelled, other, now).await.is_ok());
            }
        }
        assert_eq!(sent[0], 10, "one network");
        assert_eq!(sent[0] + sent[1], 30, "all networks");
    }
}

#[tokio::test]
async fn a_stranger_who_asks_all_day_from_three_networks_does_not_hold_the_owner_out_of_new_devices() {
    for house in houses(&Config::default()).await {
        const ANN: &str = "ann@example.org";
        house.identity.ensure_account(ANN, Role::Viewer, NOW).await.unwrap();
        for n in 0..144 {
            let now = NOW.plus_ms(n * 10 * MINUTE);
            for stranger in 1..4 {
                if let Ok(begun) = ask(&house, ANN, network(stranger), now).await {
                    for _ in 0..2 {
                        let wrong = house.verify(&begun, "x", now).await;
                        assert!(matches!(wrong, Err(Error::WrongCode { .. } | Error::TooMany { .. })));
                    }
                }
            }
            if n % 24 == 3 {
                let begun = ask(&house, ANN, network(200), now.plus_ms(1000)).await;
                let begun = begun.expect("the owner's network asks for the first time, or was proven");
                let code = house.code(now.plus_ms(1000)).await;
                // Requests of strangers in between do not end a code that is on its way.
                let _ = ask(&house, ANN, network(100 + (n / 24) as u8), now.plus_ms(2000)).await;
                house.verify(&begun, &code, now.plus_ms(30_000)).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_code_that_was_sent_works_whoever_asks_for_another_one() {
    for house in houses(&Config { open_sign_up: true, ..Config::default() }).await {
        let own = ask(&house, "ann@example.org", network(1), NOW).await.unwrap();
        let code = code_of(house.mails(NOW).await.last().unwrap());
        let now = NOW.plus_ms(HOUR / 60);
        ask(&house, "ann@example.org", network(2), now).await.unwrap();
        house.verify(&own, &code, now).await.unwrap();
    }
}
