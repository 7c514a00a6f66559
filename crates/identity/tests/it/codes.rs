//! One-time codes.

use std::sync::Arc;

use db::args;
use identity::{Config, Error, Role};
use model::Timestamp;

use crate::support::{NOW, code_of, houses, open, wrong};

const ANN: &str = "ann@example.org";

#[tokio::test]
async fn proving_a_code_makes_the_account_and_a_session() {
    for house in houses(&open()).await {
        let begun = house.begin(" Ann@Example.ORG", NOW).await.unwrap();
        let mails = house.mails(NOW).await;
        let code = code_of(&mails[0]);
        insta::allow_duplicates! {
            let body = mails[0].split_once("\r\n\r\n").unwrap().1.replace('\r', "").replace(&code, "CODE");
            insta::assert_snapshot!(body, @r"
            CODE is your sign-in code for Kinora.

            Enter it before 22:18 UTC, in the browser where you asked for it.
            If you did not ask for this code, you can ignore this e-mail.

            @localhost #CODE
            ");
        }
        assert!(mails[0].contains("\r\nTo: Ann@example.org\r\n") && !mails[0].contains("http"));
        assert_eq!(code.len(), 6);
        let signed_in = house.verify(&begun, &code, NOW).await.unwrap();
        assert_eq!(signed_in.account.role, Role::Viewer);
        let session = house.identity.authenticate(&signed_in.token, NOW).await.unwrap().unwrap();
        assert_eq!((session.account.id, session.via.as_str()), (signed_in.account.id, "code"));

        let begun = house.begin(ANN, NOW).await.unwrap();
        let code = house.code(NOW).await;
        let again = house.verify(&begun, &code, NOW).await.unwrap();
        assert_eq!(again.account.id, signed_in.account.id, "another spelling is the same account");
        assert!(house.mails(NOW).await[1].contains("\r\nTo: Ann@example.org\r\n"), "the proven spelling");
    }
}

#[tokio::test]
async fn of_200_right_answers_at_once_one_signs_in() {
    for house in houses(&open()).await {
        let begun = house.begin(ANN, NOW).await.unwrap();
        let code = house.code(NOW).await;
        let house = Arc::new(house);
        let answers = (0..200).map(|_| {
            let (house, begun, code) = (house.clone(), begun.clone(), code.clone());
            tokio::spawn(async move { house.verify(&begun, &code, NOW).await })
        });
        let (mut right, mut stale) = (0, 0);
        for answer in answers.collect::<Vec<_>>() {
            match answer.await.unwrap() {
                Ok(_) => right += 1,
                Err(Error::Stale) => stale += 1,
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!((right, stale), (1, 199), "{:?}", house.test.engine());
        let sessions = house.test.db.all("SELECT id FROM sessions", args![]).await.unwrap();
        assert_eq!(sessions.len(), 1);
    }
}

#[tokio::test]
async fn of_200_wrong_answers_at_once_five_are_looked_at() {
    for house in houses(&open()).await {
        let begun = house.begin(ANN, NOW).await.unwrap();
        let code = house.code(NOW).await;
        let house = Arc::new(house);
        let answers = (0..200).map(|_| {
            let (house, begun, code) = (house.clone(), begun.clone(), wrong(&code));
            tokio::spawn(async move { house.verify(&begun, &code, NOW).await })
        });
        let mut left = Vec::new();
        for answer in answers.collect::<Vec<_>>() {
            match answer.await.unwrap().unwrap_err() {
                Error::WrongCode { left: n } => left.push(n),
                Error::Stale => {}
                other => panic!("{other}"),
            }
        }
        left.sort_unstable();
        assert_eq!(left, [0, 1, 2, 3, 4], "{:?}", house.test.engine());
        assert!(
            matches!(house.verify(&begun, &code, NOW).await, Err(Error::Stale)),
            "too late for the right one"
        );
    }
}

#[tokio::test]
async fn a_code_works_once_in_time_and_in_its_browser() {
    for house in houses(&open()).await {
        let begun = house.begin(ANN, NOW).await.unwrap();
        let code = house.code(NOW).await;
        let other = house.begin("bob@example.org", NOW).await.unwrap();

        let foreign = identity::challenge::Begun { browser: other.browser.clone(), ..begun.clone() };
        assert!(matches!(house.verify(&foreign, &code, NOW).await, Err(Error::Stale)), "other browser");
        let swapped = identity::challenge::Begun { challenge: other.challenge.clone(), ..begun.clone() };
        assert!(matches!(house.verify(&swapped, &code, NOW).await, Err(Error::Stale)), "other challenge");
        assert!(matches!(house.verify(&other, &code, NOW).await, Err(Error::WrongCode { left: 4 })));
        assert!(matches!(house.verify(&begun, &code, begun.expires).await, Err(Error::Stale)), "too late");

        house.verify(&begun, &code, begun.expires.plus_ms(-1)).await.unwrap();
        assert!(matches!(house.verify(&begun, &code, NOW).await, Err(Error::Stale)), "replayed");
    }
}

#[tokio::test]
async fn a_resend_brings_the_same_code_and_extends_nothing() {
    for house in houses(&open()).await {
        let begun = house.begin(ANN, NOW).await.unwrap();
        let resend = |now: Timestamp| house.identity.resend(&begun.challenge, &begun.browser, now);
        let wait = resend(NOW.plus_ms(29_000)).await.unwrap_err();
        assert!(matches!(wait, Error::TooMany { retry_after_seconds: 1 }), "{wait}");
        resend(NOW.plus_ms(30_000)).await.unwrap();
        let mails = house.mails(NOW.plus_ms(30_000)).await;
        assert_eq!(mails.len(), 2);
        assert_eq!(code_of(&mails[0]), code_of(&mails[1]));
        assert!(mails[1].contains("before 22:18 UTC"), "not later than the first");

        let foreign = house.begin("bob@example.org", NOW).await.unwrap().browser;
        let refused = house.identity.resend(&begun.challenge, &foreign, NOW.plus_ms(200_000)).await;
        assert!(matches!(refused, Err(Error::Stale)), "other browser");
        let code = code_of(&mails[1]);
        assert!(matches!(house.verify(&begun, &code, NOW.plus_ms(300_000)).await, Err(Error::Stale)));
        house.verify(&begun, &code, NOW.plus_ms(299_999)).await.unwrap();
    }
}

#[tokio::test]
async fn a_resend_takes_nothing_from_the_count_of_tries() {
    for house in houses(&open()).await {
        let begun = house.begin(ANN, NOW).await.unwrap();
        let code = house.code(NOW).await;
        for left in [4, 3, 2, 1, 0] {
            let error = house.verify(&begun, &wrong(&code), NOW).await.unwrap_err();
            assert!(matches!(error, Error::WrongCode { left: n } if n == left));
        }
        let later = NOW.plus_ms(60_000);
        assert!(matches!(
            house.identity.resend(&begun.challenge, &begun.browser, later).await,
            Err(Error::Stale)
        ));
    }
}

/// Answers for an unknown address while sign-up is closed, compared with those for a known one.
#[tokio::test]
async fn a_decoy_looks_like_a_challenge() {
    for house in houses(&Config::default()).await {
        house.identity.ensure_account(ANN, Role::Viewer, NOW).await.unwrap();
        let known = house.begin(ANN, NOW).await.unwrap();
        let decoy = house.begin("eve@example.org", NOW).await.unwrap();
        assert_eq!(known.expires, decoy.expires);
        assert_eq!(known.challenge.as_str().len(), decoy.challenge.as_str().len());
        let queued = house.test.db.one("SELECT COUNT(*) AS n FROM outbox", args![]).await.unwrap();
        assert_eq!(queued.get::<i64>("n").unwrap(), 2, "both are queued");
        let mails = house.mails(NOW).await;
        assert_eq!(mails.len(), 1, "one is sent");
        for begun in [&known, &decoy] {
            let wrong = wrong(&code_of(&mails[0]));
            let error = house.verify(begun, &wrong, NOW).await.unwrap_err();
            assert!(matches!(error, Error::WrongCode { left: 4 }), "{error}");
            let resend = house.identity.resend(&begun.challenge, &begun.browser, NOW).await;
            assert!(matches!(resend, Err(Error::TooMany { retry_after_seconds: 30 })));
        }
        for guess in ["000000", "123456", "999999"] {
            assert!(house.verify(&decoy, guess, NOW).await.is_err());
        }
        assert!(house.identity.accounts(None, 10).await.unwrap().len() == 1, "nobody new");
    }
}

#[tokio::test]
async fn the_right_code_of_a_decoy_is_wrong_too() {
    for house in houses(&Config::default()).await {
        let decoy = house.begin("eve@example.org", NOW).await.unwrap();
        // Makes the mail writer show what nobody is ever sent.
        let db = &house.test.db;
        let row = db.one("SELECT id, payload FROM outbox", args![]).await.unwrap();
        let (id, payload): (String, String) = (row.get("id").unwrap(), row.get("payload").unwrap());
        let vault = seal::Vault::new(&seal::testing::ring(8), seal::Purpose::Personal);
        let place = format!("outbox.payload|{id}");
        let shown = vault.open_text(&place, &payload).unwrap().replace("true", "false");
        let args = args![id, vault.seal_text(&place, &shown).unwrap()];
        db.execute("UPDATE outbox SET payload = $2 WHERE id = $1", args).await.unwrap();
        let code = house.code(NOW).await;
        assert!(matches!(house.verify(&decoy, &code, NOW).await, Err(Error::WrongCode { .. })));
    }
}

#[tokio::test]
async fn suspended_accounts_get_decoys_and_codes_under_way_die() {
    for house in houses(&open()).await {
        let ann = house.identity.ensure_account(ANN, Role::Viewer, NOW).await.unwrap();
        let begun = house.begin(ANN, NOW).await.unwrap();
        let code = house.code(NOW).await;
        house.identity.suspend(ann.id, NOW).await.unwrap();
        assert!(matches!(house.verify(&begun, &code, NOW).await, Err(Error::Stale)));
        let later = NOW.plus_ms(60_000);
        house.begin(ANN, later).await.unwrap();
        assert_eq!(house.mails(later).await.len(), 1);
    }
}

#[tokio::test]
async fn creators_and_operators_get_eight_digits() {
    for house in houses(&open()).await {
        for (address, role) in [("c@example.org", Role::Creator), ("o@example.org", Role::Operator)] {
            house.identity.ensure_account(address, role, NOW).await.unwrap();
            let begun = house.begin(address, NOW).await.unwrap();
            let code = house.code(NOW).await;
            assert_eq!(code.len(), 8);
            assert_eq!(house.verify(&begun, &code, NOW).await.unwrap().account.role, role);
        }
    }
}

#[tokio::test]
async fn two_new_challenges_of_one_address_make_one_account() {
    for house in houses(&open()).await {
        let first = house.begin(ANN, NOW).await.unwrap();
        let code = house.code(NOW).await;
        let later = NOW.plus_ms(31_000);
        let second = house.begin(ANN, later).await.unwrap();
        let second_code = house.code(later).await;
        let (a, b) =
            tokio::join!(house.verify(&first, &code, later), house.verify(&second, &second_code, later));
        assert_eq!(a.unwrap().account.id, b.unwrap().account.id);
    }
}
