//! Invitations, and what operators do to accounts.

use std::sync::Arc;

use identity::challenge::{Begin, Begun};
use identity::invitation::{For, Offer};
use identity::token::InviteToken;
use identity::{Config, Error, Role};
use model::Timestamp;

use crate::support::{DEVICE, House, IP, NOW, houses};

const WEEK: i64 = 7 * 86_400_000;

fn offer(to: For<'_>) -> Offer<'_> {
    Offer { to, role: Role::Viewer, lifetime_ms: WEEK, by: None }
}

async fn begin(house: &House, address: &str, token: &InviteToken, now: Timestamp) -> Result<Begun, Error> {
    let begin = Begin { address, browser: None, invitation: Some(token), ip: IP, now };
    house.identity.begin(&begin).await
}

#[tokio::test]
async fn an_invitation_for_an_address_works_once() {
    for house in houses(&Config::default()).await {
        let offer = Offer { role: Role::Creator, ..offer(For::Address("Ann@example.org")) };
        let (made, token) = house.identity.invite(&offer, NOW).await.unwrap();
        assert_eq!(house.identity.invitations(NOW).await.unwrap()[0].id, made.id);
        let house = Arc::new(house);
        let tries = (0..50).map(|_| {
            let (house, token) = (house.clone(), token.clone());
            tokio::spawn(async move { house.identity.accept_invitation(&token, &DEVICE, NOW).await })
        });
        let mut entered = Vec::new();
        for one in tries.collect::<Vec<_>>() {
            match one.await.unwrap() {
                Ok(signed_in) => entered.push(signed_in),
                Err(Error::Invitation) => {}
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(entered.len(), 1, "{:?}", house.test.engine());
        let account = &entered[0].account;
        assert_eq!((account.address.as_str(), account.role), ("Ann@example.org", Role::Creator));
        assert!(house.identity.invitations(NOW).await.unwrap().is_empty());
        let again = house.identity.invite(&offer, NOW).await;
        assert!(matches!(again, Err(Error::Taken)), "who has an account gets a link instead");
    }
}

#[tokio::test]
async fn an_open_invitation_lets_so_many_in_and_wants_their_codes() {
    for house in houses(&Config::default()).await {
        let (_, token) = house.identity.invite(&offer(For::Anyone(2)), NOW).await.unwrap();
        let unproven = house.identity.accept_invitation(&token, &DEVICE, NOW).await;
        assert!(matches!(unproven, Err(Error::Invitation)));
        let mut begun = Vec::new();
        for n in 0..3 {
            let one = begin(&house, &format!("p{n}@example.org"), &token, NOW).await.unwrap();
            begun.push((one, house.code(NOW).await));
        }
        let mut entered = 0;
        for (one, code) in &begun {
            match house.verify(one, code, NOW).await {
                Ok(_) => entered += 1,
                Err(Error::Invitation) => {}
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(entered, 2);
        let late = begin(&house, "p9@example.org", &token, NOW).await;
        assert!(matches!(late, Err(Error::Invitation)));
        let known = house.begin("p0@example.org", NOW).await.unwrap();
        let code = house.code(NOW).await;
        house.verify(&known, &code, NOW).await.unwrap();
    }
}

#[tokio::test]
async fn an_invitation_does_not_lead_to_a_code_that_nobody_sends() {
    for house in houses(&Config::default()).await {
        let (_, token) = house.identity.invite(&offer(For::Anyone(1)), NOW).await.unwrap();
        let decoy = house.begin("ann@example.org", NOW).await.unwrap();
        let browser = Some(&decoy.browser);
        let invited =
            |now| Begin { address: "ann@example.org", browser, invitation: Some(&token), ip: IP, now };
        let refused = house.identity.begin(&invited(NOW)).await;
        let Err(Error::TooMany { retry_after_seconds }) = refused else { panic!("{refused:?}") };
        let later = NOW.plus_ms(i64::from(retry_after_seconds) * 1000);
        let begun = house.identity.begin(&invited(later)).await.unwrap();
        let code = house.code(later).await;
        house.verify(&begun, &code, later).await.unwrap();
        // A request without the invitation keeps its earlier challenge.
        let (_, token) = house.identity.invite(&offer(For::Anyone(1)), NOW).await.unwrap();
        let begun = begin(&house, "bob@example.org", &token, NOW).await.unwrap();
        let again = house.begin_in("bob@example.org", Some(&begun.browser), IP, NOW).await.unwrap();
        assert_eq!(again.challenge.as_str(), begun.challenge.as_str());
    }
}

#[tokio::test]
async fn who_has_an_account_uses_nothing_up_and_keeps_the_role() {
    for house in houses(&Config::default()).await {
        house.identity.ensure_account("ann@example.org", Role::Viewer, NOW).await.unwrap();
        let creators = Offer { role: Role::Creator, ..offer(For::Anyone(1)) };
        let (_, token) = house.identity.invite(&creators, NOW).await.unwrap();
        let begun = begin(&house, "ann@example.org", &token, NOW).await.unwrap();
        let code = house.code(NOW).await;
        assert_eq!(house.verify(&begun, &code, NOW).await.unwrap().account.role, Role::Viewer);
        assert_eq!(house.identity.invitation(&token, NOW).await.unwrap().unwrap().uses, 0);
    }
}

#[tokio::test]
async fn an_invitation_is_no_way_into_an_account_that_came_since() {
    for house in houses(&Config::default()).await {
        let identity = &house.identity;
        let wide = Offer { role: Role::Operator, ..offer(For::Address("Ann@example.org")) };
        let (_, token) = identity.invite(&wide, NOW).await.unwrap();
        let (_, other) = identity.invite(&offer(For::Address("bob@example.org")), NOW).await.unwrap();
        identity.ensure_account("ann@example.org", Role::Creator, NOW).await.unwrap();
        let left = identity.invitations(NOW).await.unwrap();
        assert_eq!(left.len(), 1, "that of the address that has no account");
        let open = "UPDATE invitations SET revoked_at = NULL";
        house.test.db.execute(open, db::args![]).await.unwrap();
        let refused = identity.accept_invitation(&token, &DEVICE, NOW).await;
        assert!(matches!(refused, Err(Error::Invitation)));
        assert_eq!(identity.invitation(&token, NOW).await.unwrap().unwrap().uses, 0);
        identity.accept_invitation(&other, &DEVICE, NOW).await.unwrap();
    }
}

#[tokio::test]
async fn invitations_end_with_the_authority_behind_them() {
    for house in houses(&Config::default()).await {
        let identity = &house.identity;
        identity.ensure_account("first@example.org", Role::Operator, NOW).await.unwrap();
        for suspends in [false, true] {
            let address = format!("second{suspends}@example.org");
            let by = identity.ensure_account(&address, Role::Operator, NOW).await.unwrap().id;
            let theirs = |to| Offer { by: Some(by), ..offer(to) };
            let (_, one) = identity.invite(&theirs(For::Address("ann@example.org")), NOW).await.unwrap();
            let (_, many) = identity.invite(&theirs(For::Anyone(9)), NOW).await.unwrap();
            let (kept, _) = identity.invite(&offer(For::Anyone(9)), NOW).await.unwrap();
            identity.set_role(by, Role::Operator, NOW).await.unwrap();
            assert_eq!(identity.invitations(NOW).await.unwrap().len(), 3);
            match suspends {
                true => identity.suspend(by, NOW).await.unwrap(),
                false => identity.set_role(by, Role::Creator, NOW).await.unwrap(),
            }
            let left = identity.invitations(NOW).await.unwrap();
            assert_eq!(left.iter().map(|one| &one.id).collect::<Vec<_>>(), [&kept.id]);
            let refused = identity.accept_invitation(&one, &DEVICE, NOW).await;
            assert!(matches!(refused, Err(Error::Invitation)));
            assert!(matches!(begin(&house, "b@example.org", &many, NOW).await, Err(Error::Invitation)));
            identity.revoke_invitation(&kept.id, NOW).await.unwrap();
        }
    }
}

#[tokio::test]
async fn who_may_not_invite_any_more_leaves_no_invitation_behind() {
    for house in houses(&Config::default()).await {
        let identity = &house.identity;
        identity.ensure_account("first@example.org", Role::Operator, NOW).await.unwrap();
        for round in 0..40 {
            let address = format!("second{round}@example.org");
            let by = identity.ensure_account(&address, Role::Operator, NOW).await.unwrap().id;
            let to = [For::Address("ann@example.org"), For::Anyone(9)][round % 2];
            let theirs = Offer { by: Some(by), ..offer(to) };
            let leave = async || match round % 4 {
                0 | 1 => identity.suspend(by, NOW).await,
                _ => identity.set_role(by, Role::Creator, NOW).await,
            };
            let later = async |steps: usize| {
                for _ in 0..steps {
                    tokio::task::yield_now().await;
                }
            };
            let (made, left) = tokio::join!(
                async {
                    later(round / 4 % 3).await;
                    identity.invite(&theirs, NOW).await
                },
                async {
                    later(round / 4 % 5).await;
                    leave().await
                }
            );
            left.unwrap();
            assert!(matches!(made, Ok(_) | Err(Error::NoOperator)), "{made:?}");
            let open = identity.invitations(NOW).await.unwrap();
            assert!(open.is_empty(), "{:?}, round {round}: {open:?}", house.test.engine());
            let late = identity.invite(&theirs, NOW).await;
            assert!(matches!(late, Err(Error::NoOperator)), "{late:?}");
        }
    }
}

#[tokio::test]
async fn who_come_in_while_invitations_end_do_not_wait_for_those_who_end_them() {
    for house in houses(&Config::default()).await {
        let identity = &house.identity;
        identity.ensure_account("first@example.org", Role::Operator, NOW).await.unwrap();
        for round in 0..60 {
            let now = NOW.plus_ms(round * 3_600_000);
            let address = format!("second{round}@example.org");
            let by = identity.ensure_account(&address, Role::Operator, now).await.unwrap().id;
            let guest = format!("guest{round}@example.org");
            let theirs = |to| Offer { by: Some(by), ..offer(to) };
            let mut tokens = Vec::new();
            for at in 0..6 {
                let open = at == if round % 2 == 0 { 0 } else { 5 };
                let to = if open { For::Anyone(9) } else { For::Address(&guest) };
                let (_, token) = identity.invite(&theirs(to), now).await.unwrap();
                tokens.push((open, token));
            }
            let token = |open| &tokens.iter().rfind(|token| token.0 == open).unwrap().1;
            let begun = begin(&house, &guest, token(true), now).await.unwrap();
            let code = house.code(now).await;
            let (verified, accepted, left) = tokio::join!(
                house.verify(&begun, &code, now),
                async {
                    for _ in 0..round % 5 {
                        tokio::task::yield_now().await;
                    }
                    identity.accept_invitation(token(false), &DEVICE, now).await
                },
                async {
                    for _ in 0..round % 7 {
                        tokio::task::yield_now().await;
                    }
                    identity.suspend(by, now).await
                }
            );
            left.unwrap();
            for came in [verified, accepted] {
                assert!(matches!(came, Ok(_) | Err(Error::Invitation)), "round {round}: {came:?}");
            }
            assert!(identity.invitations(now).await.unwrap().is_empty(), "round {round}");
        }
    }
}

#[tokio::test]
async fn invitations_end_and_can_be_taken_back() {
    for house in houses(&Config::default()).await {
        let (_, token) = house.identity.invite(&offer(For::Address("a@example.org")), NOW).await.unwrap();
        assert!(house.identity.invitation(&token, NOW.plus_ms(WEEK)).await.unwrap().is_none());
        let late = house.identity.accept_invitation(&token, &DEVICE, NOW.plus_ms(WEEK)).await;
        assert!(matches!(late, Err(Error::Invitation)));
        let (made, token) = house.identity.invite(&offer(For::Anyone(5)), NOW).await.unwrap();
        assert!(house.identity.revoke_invitation(&made.id, NOW).await.unwrap());
        assert!(!house.identity.revoke_invitation(&made.id, NOW).await.unwrap());
        assert!(matches!(begin(&house, "b@example.org", &token, NOW).await, Err(Error::Invitation)));
    }
}

#[tokio::test]
async fn an_open_invitation_makes_no_operators_and_has_a_count() {
    for house in houses(&Config::default()).await {
        for bad in [
            Offer { role: Role::Operator, ..offer(For::Anyone(1)) },
            offer(For::Anyone(0)),
            offer(For::Anyone(1001)),
        ] {
            assert!(matches!(house.identity.invite(&bad, NOW).await, Err(Error::Offer)));
        }
    }
}

#[tokio::test]
async fn the_last_operator_stays() {
    for house in houses(&Config::default()).await {
        let identity = &house.identity;
        let a = identity.ensure_account("a@example.org", Role::Operator, NOW).await.unwrap().id;
        assert!(matches!(identity.set_role(a, Role::Viewer, NOW).await, Err(Error::LastOperator)));
        assert!(matches!(identity.suspend(a, NOW).await, Err(Error::LastOperator)));
        identity.set_role(a, Role::Operator, NOW).await.unwrap();
        let b = identity.ensure_account("b@example.org", Role::Operator, NOW).await.unwrap().id;
        identity.suspend(b, NOW).await.unwrap();
        assert!(
            matches!(identity.suspend(a, NOW).await, Err(Error::LastOperator)),
            "a suspended one is none"
        );
        identity.resume(b).await.unwrap();
        identity.suspend(a, NOW).await.unwrap();
    }
}

#[tokio::test]
async fn two_operators_cannot_remove_each_other_at_once() {
    for house in houses(&Config::default()).await {
        for round in 0..10 {
            let mut ids = Vec::new();
            for name in ["a", "b"] {
                let address = format!("{name}{round}@example.org");
                ids.push(house.identity.ensure_account(&address, Role::Operator, NOW).await.unwrap().id);
            }
            let (a, b) = tokio::join!(
                house.identity.set_role(ids[0], Role::Viewer, NOW),
                house.identity.suspend(ids[1], NOW)
            );
            assert_eq!(u8::from(a.is_ok()) + u8::from(b.is_ok()), 1, "{:?}", house.test.engine());
            house.test.db.execute("UPDATE accounts SET role = 'viewer'", db::args![]).await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_invitation_stands_for_ninety_days_at_most() {
    for house in houses(&Config::default()).await {
        for (days, stands) in [(90, true), (91, false), (0, false), (-1, false)] {
            let offer = Offer { lifetime_ms: days * 86_400_000, ..offer(For::Anyone(1)) };
            let made = house.identity.invite(&offer, NOW).await;
            assert!(
                if stands { made.is_ok() } else { matches!(made, Err(Error::Lifetime)) },
                "{days}: {made:?}"
            );
        }
    }
}
