//! How often codes are sent and tried.

use identity::code::CodeKeys;
use identity::{Config, Error, Limits, Role};

use crate::support::{House, IP, NOW, code_of, houses, open, wrong};

const ANN: &str = "ann@example.org";

fn wait(error: &Error) -> u32 {
    match error {
        Error::TooMany { retry_after_seconds } => *retry_after_seconds,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn an_address_gets_growing_pauses_then_five_an_hour() {
    for house in houses(&open()).await {
        let mut now = NOW;
        for pause in [30, 60, 120, 300] {
            house.begin(ANN, now).await.unwrap();
            let error = house.begin(ANN, now).await.unwrap_err();
            assert_eq!(wait(&error), pause);
            now = now.plus_ms(i64::from(pause) * 1000);
        }
        house.begin(ANN, now).await.unwrap();
        let error = house.begin(ANN, now.plus_ms(300_000)).await.unwrap_err();
        assert_eq!(wait(&error), 3600 - 510 - 300, "the first of five leaves the hour");
        house.begin("bob@example.org", now).await.unwrap();
    }
}

#[tokio::test]
async fn an_address_gets_ten_a_day() {
    for house in houses(&open()).await {
        let mut now = NOW;
        for _ in 0..10 {
            house.begin(ANN, now).await.unwrap();
            now = now.plus_ms(1_000_000);
        }
        assert_eq!(wait(&house.begin(ANN, now).await.unwrap_err()), 86_400 - 10_000);
    }
}

#[tokio::test]
async fn asking_again_in_the_same_browser_shows_the_challenge_that_lives() {
    for house in houses(&open()).await {
        let begun = house.begin(ANN, NOW).await.unwrap();
        let again = house.begin_in(ANN, Some(&begun.browser), IP, NOW.plus_ms(1000)).await.unwrap();
        assert_eq!(again.challenge.as_str(), begun.challenge.as_str());
        assert_eq!(again.expires, begun.expires);
        let mails = house.mails(NOW.plus_ms(1000)).await;
        assert_eq!(mails.len(), 1);
        house.verify(&again, &code_of(&mails[0]), NOW.plus_ms(2000)).await.unwrap();
    }
}

#[tokio::test]
async fn a_challenge_is_resent_three_times() {
    let limits = Limits { cooldown_seconds: [0; 4], per_address_hour: 100, ..Limits::default() };
    for house in houses(&Config { limits, ..open() }).await {
        let begun = house.begin(ANN, NOW).await.unwrap();
        for _ in 0..3 {
            house.identity.resend(&begun.challenge, &begun.browser, NOW).await.unwrap();
        }
        let fourth = house.identity.resend(&begun.challenge, &begun.browser, NOW).await;
        assert!(matches!(fourth, Err(Error::Stale)));
        assert_eq!(house.mails(NOW).await.len(), 4);
    }
}

#[tokio::test]
async fn a_network_gets_forty_an_hour() {
    let limits = Limits { per_minute: 1000, ..Limits::default() };
    for house in houses(&Config { limits, ..open() }).await {
        let ask = |n: u32, ip: &str| {
            let (house, address, ip) = (&house, format!("p{n}@example.org"), ip.parse().unwrap());
            async move { house.begin_in(&address, None, ip, NOW).await }
        };
        for n in 0..40 {
            ask(n, &format!("2001:db8::{n}")).await.unwrap();
        }
        let refused = wait(&ask(40, "2001:db8::ffff").await.unwrap_err());
        assert_eq!(refused, 60, "a sign-in may give some back at any time");
        ask(41, "2001:db8:0:1::1").await.unwrap();
        ask(42, "192.0.2.1").await.unwrap();
        // A subscriber has many networks.
        for n in 0..159 {
            ask(100 + n, &format!("2001:db8:0:{:x}::1", 2 + n)).await.unwrap();
        }
        assert_eq!(wait(&ask(300, "2001:db8:0:ffff::1").await.unwrap_err()), 60);
        ask(301, "2001:db8:1::1").await.unwrap();
    }
}

#[tokio::test]
async fn all_together_send_so_many_a_minute() {
    let limits = Limits { per_minute: 3, ..Limits::default() };
    for house in houses(&Config { limits, ..open() }).await {
        for n in 0..3 {
            house.begin(&format!("p{n}@example.org"), NOW).await.unwrap();
        }
        assert_eq!(wait(&house.begin("p9@example.org", NOW).await.unwrap_err()), 60);
        let later = NOW.plus_ms(60_000);
        let own = house.begin("p9@example.org", later).await.unwrap();
        let code = house.code(later).await;
        house.verify(&own, &code, later).await.unwrap();
        for n in 0..2 {
            house.begin(&format!("q{n}@example.org"), later).await.unwrap();
        }
        assert_eq!(wait(&house.begin("q9@example.org", later).await.unwrap_err()), 60);
        let again = house.begin_in("p9@example.org", Some(&own.browser), IP, later).await;
        again.expect("strangers do not use up what is there for known devices");
    }
}

#[tokio::test]
async fn concurrent_wishes_do_not_pass_a_limit() {
    let limits = Limits { cooldown_seconds: [0; 4], ..Limits::default() };
    for house in houses(&Config { limits, ..open() }).await {
        let house = std::sync::Arc::new(house);
        let wishes = (0..40).map(|_| {
            let house = house.clone();
            tokio::spawn(async move { house.begin(ANN, NOW).await.is_ok() })
        });
        let mut allowed = 0;
        for wish in wishes.collect::<Vec<_>>() {
            allowed += u32::from(wish.await.unwrap());
        }
        assert_eq!(allowed, 5, "{:?}", house.test.engine());
    }
}

/// Makes ten failures for the address in two challenges.
async fn fail_ten_times(house: &House, now: model::Timestamp) {
    for n in 0..2 {
        let now = now.plus_ms(n * 100_000);
        let begun = house.begin(ANN, now).await.unwrap();
        for pause in if n == 0 { [0; 5] } else { [0, 10, 30, 70, 150] } {
            let now = now.plus_ms(pause * 1000);
            assert!(matches!(house.verify(&begun, "x", now).await, Err(Error::WrongCode { .. })));
        }
    }
}

#[tokio::test]
async fn ten_failures_in_an_hour_make_a_pause() {
    for house in houses(&open()).await {
        fail_ten_times(&house, NOW).await;
        let now = NOW.plus_ms(280_000);
        let error = house.begin(ANN, now).await.unwrap_err();
        assert_eq!(wait(&error), 3600 - 30, "no code is sent that could not be used");
        house.begin(ANN, NOW.plus_ms(250_000 + 3_600_000)).await.unwrap();
    }
}

#[tokio::test]
async fn tries_after_the_first_five_come_slower_and_slower() {
    for house in houses(&open()).await {
        let begun = house.begin(ANN, NOW).await.unwrap();
        for _ in 0..5 {
            house.verify(&begun, "x", NOW).await.unwrap_err();
        }
        let mut now = NOW.plus_ms(60_000);
        let begun = house.begin(ANN, now).await.unwrap();
        let code = house.code(now).await;
        for pause in [10, 20, 40, 80] {
            assert!(matches!(house.verify(&begun, "x", now).await, Err(Error::WrongCode { .. })));
            assert_eq!(wait(&house.verify(&begun, &code, now).await.unwrap_err()), pause);
            now = now.plus_ms(i64::from(pause) * 1000);
        }
        house.verify(&begun, &code, now).await.unwrap();
    }
}

/// Writes down so many wrong codes in a row, for an account's address and for one that has none.
async fn wrong_in_a_row(house: &House, count: i64) {
    for address in [ANN, "nobody@example.org"] {
        let begun = house.begin(address, NOW).await.unwrap();
        house.verify(&begun, "x", NOW).await.unwrap_err();
    }
    let sql = "UPDATE failures SET in_a_row = $1";
    house.test.db.execute(sql, db::args![count]).await.unwrap();
}

#[tokio::test]
async fn after_a_hundred_wrong_codes_in_a_row_only_a_link_lets_in() {
    for house in houses(&open()).await {
        let ann = house.identity.ensure_account(ANN, Role::Viewer, NOW).await.unwrap();
        wrong_in_a_row(&house, 99).await;
        let later = NOW.plus_ms(100_000_000);
        let begun = house.begin(ANN, later).await.unwrap();
        house.verify(&begun, "x", later).await.unwrap_err();
        let code = house.code(later).await;
        let months = later.plus_ms(100 * 86_400_000);
        assert!(matches!(house.verify(&begun, &code, later).await, Err(Error::CodesOff)));
        assert!(matches!(house.begin(ANN, months).await, Err(Error::CodesOff)));

        let link = house.identity.create_link(ann.id, None, months).await.unwrap();
        house.identity.consume_link(&link, &crate::support::DEVICE, months).await.unwrap();
        let begun = house.begin(ANN, months).await.unwrap();
        let code = house.code(months).await;
        house.verify(&begun, &code, months).await.unwrap();
    }
}

#[tokio::test]
async fn codes_are_switched_off_for_unknown_addresses_alike() {
    for house in houses(&Config::default()).await {
        house.identity.ensure_account(ANN, Role::Viewer, NOW).await.unwrap();
        wrong_in_a_row(&house, 100).await;
        let later = NOW.plus_ms(100_000_000);
        for address in [ANN, "nobody@example.org"] {
            assert!(matches!(house.begin(address, later).await, Err(Error::CodesOff)));
        }
    }
}

#[tokio::test]
async fn another_key_of_codes_forgets_no_limit() {
    let limits = Limits { per_ip_hour: 5, ..Limits::default() };
    for house in houses(&Config { limits, ..open() }).await {
        house.identity.ensure_account(ANN, Role::Viewer, NOW).await.unwrap();
        wrong_in_a_row(&house, 100).await;
        house.begin("bob@example.org", NOW).await.unwrap();
        let codes = CodeKeys::new(2, &[8; 32]).with_previous(1, &[7; 32]);
        let house = house.reopened(codes).await;
        for address in [ANN, "nobody@example.org"] {
            let refused = house.begin(address, NOW.plus_ms(100_000_000)).await;
            assert!(matches!(refused, Err(Error::CodesOff)), "{refused:?}");
        }
        let now = NOW.plus_ms(10_000);
        assert_eq!(wait(&house.begin("bob@example.org", now).await.unwrap_err()), 20, "the address");
        assert_eq!(wait(&house.begin("eve@example.org", now).await.unwrap_err()), 60, "the network");
    }
}

#[tokio::test]
async fn codes_that_are_off_for_strangers_still_work_on_a_known_device() {
    for house in houses(&open()).await {
        house.identity.ensure_account(ANN, Role::Viewer, NOW).await.unwrap();
        let own = house.begin(ANN, NOW).await.unwrap();
        let code = house.code(NOW).await;
        house.verify(&own, &code, NOW).await.unwrap();
        wrong_in_a_row(&house, 100).await;
        let now = NOW.plus_ms(1000);
        assert!(matches!(house.begin(ANN, now).await, Err(Error::CodesOff)), "a stranger");
        let own = house.begin_in(ANN, Some(&own.browser), IP, now).await.unwrap();
        let code = house.code(now).await;
        house.verify(&own, &code, now).await.unwrap();
    }
}

#[tokio::test]
async fn strangers_do_not_lock_out_a_known_device() {
    for house in houses(&open()).await {
        house.identity.ensure_account(ANN, Role::Viewer, NOW).await.unwrap();
        let own = house.begin(ANN, NOW).await.unwrap();
        let code = house.code(NOW).await;
        house.verify(&own, &code, NOW).await.unwrap();

        let now = NOW.plus_ms(60_000);
        fail_ten_times(&house, now).await;
        let now = now.plus_ms(300_000);
        let own = house.begin_in(ANN, Some(&own.browser), IP, now).await.unwrap();
        let code = house.code(now).await;
        assert!(matches!(house.verify(&own, &wrong(&code), now).await, Err(Error::WrongCode { .. })));
        house.verify(&own, &code, now).await.unwrap();
    }
}
