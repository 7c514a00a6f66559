//! Accounts, sessions, links and access keys.

use std::sync::Arc;

use identity::{Action, Buckets, Config, Error, Resource, Role, Who, ending, may};
use model::{AccountId, BucketName, Timestamp};

use crate::support::{DEVICE, House, NOW, houses, open};

const DAY: i64 = 86_400_000;

async fn operator(house: &House) -> identity::Account {
    house.identity.ensure_account("operator@localhost", Role::Operator, NOW).await.unwrap()
}

async fn sign_in(house: &House, role: Role, now: Timestamp) -> identity::SignedIn {
    let address = format!("{role}@example.org");
    let account = house.identity.ensure_account(&address, role, now).await.unwrap();
    let link = house.identity.create_link(account.id, None, now).await.unwrap();
    house.identity.consume_link(&link, &DEVICE, now).await.unwrap()
}

#[tokio::test]
async fn an_account_is_made_once_and_keeps_its_role() {
    for house in houses(&Config::default()).await {
        let first = operator(&house).await;
        let again = house.identity.ensure_account("Operator@LOCALHOST ", Role::Viewer, NOW).await.unwrap();
        assert_eq!((again.id, again.role), (first.id, Role::Operator));
        assert_eq!(house.identity.accounts(None, 10).await.unwrap().len(), 1);
        assert!(house.identity.accounts(Some(first.id), 10).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_link_signs_in_once() {
    for house in houses(&Config::default()).await {
        let account = operator(&house).await;
        let link = house.identity.create_link(account.id, None, NOW).await.unwrap();
        assert!(house.identity.link_works(&link, NOW).await.unwrap());
        let house = Arc::new(house);
        let uses = (0..50).map(|_| {
            let (house, link) = (house.clone(), link.clone());
            tokio::spawn(async move { house.identity.consume_link(&link, &DEVICE, NOW).await.is_ok() })
        });
        let mut used = 0;
        for done in uses.collect::<Vec<_>>() {
            used += u32::from(done.await.unwrap());
        }
        assert_eq!(used, 1, "{:?}", house.test.engine());
        assert!(!house.identity.link_works(&link, NOW).await.unwrap());

        let link = house.identity.create_link(account.id, None, NOW).await.unwrap();
        let late = house.identity.consume_link(&link, &DEVICE, NOW.plus_ms(DAY)).await;
        assert!(matches!(late, Err(Error::Link)));
    }
}

#[tokio::test]
async fn links_end_when_they_are_ended() {
    for house in houses(&Config::default()).await {
        let (account, other) = (operator(&house).await, sign_in(&house, Role::Operator, NOW).await.account);
        let link = house.identity.create_link(account.id, None, NOW).await.unwrap();
        let others = house.identity.create_link(other.id, None, NOW).await.unwrap();
        assert_eq!(house.identity.end_links(account.id).await.unwrap(), 1);
        let refused = house.identity.consume_link(&link, &DEVICE, NOW).await;
        assert!(matches!(refused, Err(Error::Link)));
        assert!(house.identity.link_works(&others, NOW).await.unwrap());
        house.identity.end_sessions(other.id, None).await.unwrap();
        assert!(!house.identity.link_works(&others, NOW).await.unwrap(), "signed out everywhere");
    }
}

#[tokio::test]
async fn who_is_no_operator_any_more_leaves_no_link_behind() {
    for house in houses(&Config::default()).await {
        let identity = &house.identity;
        let first = operator(&house).await.id;
        for round in 0..40 {
            let address = format!("second{round}@example.org");
            let by = identity.ensure_account(&address, Role::Operator, NOW).await.unwrap().id;
            let to = [first, by][round / 2 % 2];
            let before = identity.create_link(to, Some(by), NOW).await.unwrap();
            let leave = async || match round % 2 {
                0 => identity.suspend(by, NOW).await,
                _ => identity.set_role(by, Role::Creator, NOW).await,
            };
            let (made, left) = tokio::join!(
                async {
                    for _ in 0..round / 4 % 5 {
                        tokio::task::yield_now().await;
                    }
                    identity.create_link(to, Some(by), NOW).await
                },
                leave()
            );
            left.unwrap();
            for link in [Ok(before), made] {
                match link {
                    Ok(link) => assert!(!identity.link_works(&link, NOW).await.unwrap(), "round {round}"),
                    Err(error) => assert!(matches!(error, Error::NoOperator), "{error:?}"),
                }
            }
            let late = identity.create_link(to, Some(by), NOW).await;
            assert!(matches!(late, Err(Error::NoOperator)), "{late:?}");
        }
        let own = identity.create_link(first, None, NOW).await.unwrap();
        assert!(identity.link_works(&own, NOW).await.unwrap(), "that of the machine stays");
    }
}

#[tokio::test]
async fn nobody_comes_in_by_a_link_while_they_are_put_out() {
    for house in houses(&Config::default()).await {
        let identity = &house.identity;
        let [first, second] = ["first@example.org", "second@example.org"];
        let by = identity.ensure_account(first, Role::Operator, NOW).await.unwrap().id;
        for round in 0..120 {
            let id = identity.ensure_account(second, Role::Operator, NOW).await.unwrap().id;
            let link = identity.create_link(id, Some(by), NOW).await.unwrap();
            let (came, out, made) = tokio::join!(
                async {
                    for _ in 0..round / 3 % 4 {
                        tokio::task::yield_now().await;
                    }
                    identity.consume_link(&link, &DEVICE, NOW).await
                },
                async {
                    match round % 3 {
                        0 => identity.suspend(id, NOW).await,
                        1 => identity.set_role(id, Role::Viewer, NOW).await,
                        _ => identity.end_sessions(id, None).await.map(drop),
                    }
                },
                identity.create_link(by, Some(id), NOW)
            );
            out.unwrap();
            assert!(matches!(made, Ok(_) | Err(Error::NoOperator)), "{made:?}");
            match came {
                // A sign-in after a role change has the new role.
                Ok(came) if round % 3 == 1 => {
                    let session = identity.authenticate(&came.token, NOW).await.unwrap();
                    assert!(
                        session.is_none_or(|session| session.account.role == Role::Viewer),
                        "round {round}"
                    );
                }
                Ok(came) => {
                    let session = identity.authenticate(&came.token, NOW).await.unwrap();
                    assert!(session.is_none(), "{:?}, round {round}", house.test.engine());
                }
                Err(error) => assert!(matches!(error, Error::Link), "{error:?}"),
            }
            identity.resume(id).await.unwrap();
            identity.set_role(id, Role::Operator, NOW).await.unwrap();
        }
    }
}

#[tokio::test]
async fn nobody_comes_in_by_a_code_while_they_are_put_out() {
    for house in houses(&open()).await {
        let identity = &house.identity;
        operator(&house).await;
        let id = sign_in(&house, Role::Viewer, NOW).await.account.id;
        let address = identity.account(id).await.unwrap().unwrap().address;
        for round in 0..60 {
            let now = NOW.plus_ms((1 + round) * 86_400_000);
            let begun = house.begin(address.as_str(), now).await.unwrap();
            let code = house.code(now).await;
            let (came, out) = tokio::join!(house.verify(&begun, &code, now), async {
                for _ in 0..round % 12 {
                    tokio::task::yield_now().await;
                }
                identity.suspend(id, now).await
            });
            out.unwrap();
            identity.resume(id).await.unwrap();
            match came {
                Ok(came) => {
                    let session = identity.authenticate(&came.token, now).await.unwrap();
                    assert!(session.is_none(), "{:?}, round {round}", house.test.engine());
                }
                Err(error) => assert!(matches!(error, Error::Stale), "{error:?}"),
            }
        }
    }
}

#[tokio::test]
async fn who_lock_the_same_accounts_and_links_do_not_wait_for_each_other() {
    for house in houses(&Config::default()).await {
        let identity = &house.identity;
        let viewer = identity.ensure_account("viewer@example.org", Role::Viewer, NOW).await.unwrap().id;
        let first = operator(&house).await.id;
        let second = identity.ensure_account("second@example.org", Role::Operator, NOW).await.unwrap().id;
        assert!(viewer < first, "a later account is locked later");
        for round in 0..100 {
            let link = identity.create_link(first, Some(second), NOW).await.unwrap();
            let later = async |steps: usize| {
                for _ in 0..steps {
                    tokio::task::yield_now().await;
                }
            };
            let (came, left, out, made) = tokio::join!(
                async {
                    later(round % 7).await;
                    identity.consume_link(&link, &DEVICE, NOW).await
                },
                async {
                    later(round % 5).await;
                    identity.suspend(second, NOW).await
                },
                async {
                    later(round % 3).await;
                    identity.suspend(viewer, NOW).await
                },
                identity.create_link(viewer, Some(first), NOW)
            );
            assert!(matches!(came, Ok(_) | Err(Error::Link)), "{came:?}");
            left.unwrap();
            out.unwrap();
            made.unwrap();
            identity.resume(second).await.unwrap();
            identity.resume(viewer).await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_operator_counts_beside_another_while_not_suspended() {
    for house in houses(&Config::default()).await {
        let beside = || house.identity.has_operator_beside("Operator@localhost");
        operator(&house).await;
        sign_in(&house, Role::Creator, NOW).await;
        assert!(!beside().await.unwrap());
        let second = sign_in(&house, Role::Operator, NOW).await.account.id;
        assert!(beside().await.unwrap());
        house.identity.suspend(second, NOW).await.unwrap();
        assert!(!beside().await.unwrap());
    }
}

#[tokio::test]
async fn sessions_end_by_idleness_and_age() {
    for house in houses(&Config::default()).await {
        let viewer = sign_in(&house, Role::Viewer, NOW).await;
        let operator = sign_in(&house, Role::Operator, NOW).await;
        let live = |token: identity::token::SessionToken, at: i64| {
            let identity = house.identity.clone();
            async move { identity.authenticate(&token, NOW.plus_ms(at)).await.unwrap().is_some() }
        };
        assert!(!live(operator.token.clone(), 30 * 60_000).await, "half an hour without a request");
        let mut at = 0;
        while at < 12 * 3_600_000 {
            assert!(live(operator.token.clone(), at).await, "used every 29 minutes");
            at += 29 * 60_000;
        }
        assert!(!live(operator.token.clone(), 12 * 3_600_000).await, "half a day in all");
        assert!(live(viewer.token.clone(), 30 * DAY - 1).await);
        assert!(!live(viewer.token.clone(), 60 * DAY).await);
    }
}

#[tokio::test]
async fn the_last_use_is_written_once_a_minute() {
    for house in houses(&Config::default()).await {
        let token = sign_in(&house, Role::Viewer, NOW).await.token;
        let seen = |at: i64| {
            let (identity, token) = (house.identity.clone(), token.clone());
            async move {
                identity.authenticate(&token, NOW.plus_ms(at)).await.unwrap();
                identity.authenticate(&token, NOW.plus_ms(at)).await.unwrap().unwrap().seen_at
            }
        };
        assert_eq!(seen(59_999).await, NOW);
        assert_eq!(seen(60_000).await, NOW.plus_ms(60_000));
    }
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    for house in houses(&Config::default()).await {
        let first = sign_in(&house, Role::Viewer, NOW).await;
        let second = sign_in(&house, Role::Viewer, NOW.plus_ms(1)).await;
        let other = sign_in(&house, Role::Operator, NOW).await;
        let account = first.account.id;
        let list = house.identity.sessions(account, NOW.plus_ms(2)).await.unwrap();
        assert_eq!(list.iter().map(|s| s.id).collect::<Vec<_>>(), [second.session, first.session]);
        assert_eq!((list[0].agent.as_str(), list[0].ip.as_str()), ("a browser", "127.0.0.1"));

        assert!(!house.identity.end_session(account, other.session).await.unwrap(), "somebody else's");
        assert!(house.identity.end_session(account, first.session).await.unwrap());
        assert!(house.identity.authenticate(&first.token, NOW).await.unwrap().is_none());
        let third = sign_in(&house, Role::Viewer, NOW).await;
        let ended = house.identity.end_sessions(account, Some(third.session)).await.unwrap();
        assert_eq!(ended, [second.session]);
        house.identity.sign_out(&third.token).await.unwrap();
        assert!(house.identity.sessions(account, NOW).await.unwrap().is_empty());
        assert!(house.identity.authenticate(&other.token, NOW).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn what_ended_is_written_until_nothing_plays_in_it() {
    for house in houses(&Config::default()).await {
        let db = &house.test.db;
        let written = async || {
            let waiting = ending::waiting(db).await.unwrap();
            let mut tx = db.begin().await.unwrap();
            for ending in &waiting {
                ending::forget(&mut tx, ending.id).await.unwrap();
            }
            tx.commit().await.unwrap();
            waiting.iter().map(|ending| (ending.account, ending.session)).collect::<Vec<_>>()
        };
        let identity = &house.identity;
        let first = sign_in(&house, Role::Viewer, NOW).await;
        let account = first.account.id;
        let second = sign_in(&house, Role::Viewer, NOW.plus_ms(1)).await;
        let third = sign_in(&house, Role::Viewer, NOW.plus_ms(2)).await;
        assert_eq!(written().await, []);
        identity.end_session(account, first.session).await.unwrap();
        identity.end_session(account, first.session).await.unwrap();
        assert_eq!(written().await, [(account, Some(first.session))]);
        identity.end_sessions(account, Some(third.session)).await.unwrap();
        assert_eq!(written().await, [(account, Some(second.session))]);
        identity.sign_out(&third.token).await.unwrap();
        identity.sign_out(&third.token).await.unwrap();
        assert_eq!(written().await, [(account, Some(third.session))]);

        let mut oldest = Vec::new();
        for n in 0..52 {
            oldest.push(sign_in(&house, Role::Viewer, NOW.plus_ms(n)).await.session);
        }
        assert_eq!(written().await, [(account, Some(oldest[0])), (account, Some(oldest[1]))]);

        identity.end_sessions(account, None).await.unwrap();
        identity.set_role(account, Role::Creator, NOW).await.unwrap();
        identity.suspend(account, NOW).await.unwrap();
        assert_eq!(written().await, [(account, None); 3]);
        let operator = sign_in(&house, Role::Operator, NOW).await.account.id;
        assert!(matches!(identity.suspend(operator, NOW).await, Err(Error::LastOperator)));
        assert_eq!(written().await, []);
    }
}

#[tokio::test]
async fn an_account_has_at_most_fifty_sessions() {
    for house in houses(&Config::default()).await {
        let first = sign_in(&house, Role::Viewer, NOW).await;
        for n in 1..50 {
            assert!(sign_in(&house, Role::Viewer, NOW.plus_ms(n)).await.ended.is_empty());
        }
        let last = sign_in(&house, Role::Viewer, NOW.plus_ms(50)).await;
        assert_eq!(last.ended, [first.session], "whoever plays in it is told");
        assert_eq!(house.identity.sessions(first.account.id, NOW).await.unwrap().len(), 50);
        assert!(house.identity.authenticate(&first.token, NOW).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn suspending_and_a_new_role_end_sessions() {
    for house in houses(&Config::default()).await {
        let viewer = sign_in(&house, Role::Viewer, NOW).await;
        house.identity.set_role(viewer.account.id, Role::Creator, NOW).await.unwrap();
        assert!(house.identity.authenticate(&viewer.token, NOW).await.unwrap().is_none());
        let account = house.identity.account(viewer.account.id).await.unwrap().unwrap();
        assert_eq!(account.role, Role::Creator);

        let link = house.identity.create_link(account.id, None, NOW).await.unwrap();
        house.identity.suspend(account.id, NOW).await.unwrap();
        assert!(matches!(house.identity.consume_link(&link, &DEVICE, NOW).await, Err(Error::Link)));
        house.identity.resume(account.id).await.unwrap();
        house.identity.consume_link(&link, &DEVICE, NOW).await.unwrap();
    }
}

#[tokio::test]
async fn an_access_key_opens_its_buckets_until_it_is_revoked() {
    for house in houses(&Config::default()).await {
        let account = operator(&house).await.id;
        let buckets = Buckets::Only([BucketName::source()].into());
        let ensure = || house.identity.ensure_access_key(account, "local", &buckets, NOW);
        let (key, secret) = ensure().await.unwrap();
        let (again, same) = ensure().await.unwrap();
        assert_eq!((key.id.len(), secret.expose().len()), (20, 40));
        assert_eq!((again.id.as_str(), same.expose()), (key.id.as_str(), secret.expose()));

        let credential = house.identity.credential(&key.id).await.unwrap().unwrap();
        assert_eq!(credential.secret.expose(), secret.expose());
        let write = |bucket| may(&credential.who, Action::WriteBucket, &Resource::Bucket(&bucket));
        assert!(write(BucketName::source()) && !write(BucketName::media()));
        assert!(house.identity.credential("AKIAUNKNOWN").await.unwrap().is_none());

        house.identity.ensure_account("second@example.org", Role::Operator, NOW).await.unwrap();
        house.identity.suspend(account, NOW).await.unwrap();
        assert!(house.identity.credential(&key.id).await.unwrap().is_none());
        house.identity.resume(account).await.unwrap();
        house.identity.set_role(account, Role::Creator, NOW).await.unwrap();
        assert!(house.identity.credential(&key.id).await.unwrap().is_none(), "an operator's key");
        house.identity.set_role(account, Role::Operator, NOW).await.unwrap();
        assert!(house.identity.revoke_access_key(account, &key.id, NOW).await.unwrap());
        assert!(!house.identity.revoke_access_key(account, &key.id, NOW).await.unwrap());
        assert!(house.identity.credential(&key.id).await.unwrap().is_none());
        assert_ne!(ensure().await.unwrap().0.id, key.id);
        assert_eq!(house.identity.access_keys(account).await.unwrap().len(), 2);
        assert_eq!(house.identity.live_access_keys().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_secret_that_does_not_open_holds_up_no_rotation() {
    for test in db::testing::databases(&[notify::MIGRATIONS, identity::MIGRATIONS]).await {
        let ring = seal::testing::ring(8);
        let house = House::with_ring(test, Config::default(), &ring).await;
        let account = operator(&house).await.id;
        let make = async |name| {
            let made = house.identity.ensure_access_key(account, name, &Buckets::All, NOW).await;
            made.unwrap().0.id
        };
        let (revoked, spoilt, live) = (make("revoked").await, make("spoilt").await, make("live").await);
        house.identity.revoke_access_key(account, &revoked, NOW).await.unwrap();
        for id in [&revoked, &spoilt] {
            let spoil = "UPDATE access_keys SET sealed_secret = $2 WHERE id = $1";
            house.test.db.execute(spoil, db::args![id, b"nonsense".as_slice()]).await.unwrap();
        }
        ring.rotate(seal::Purpose::Signing, NOW).unwrap();
        let renewed = house.identity.renew_secrets().await.unwrap();
        assert_eq!((renewed.sealed, renewed.unopened), (1, 1), "revoked keys need no secret");
        assert!(house.identity.credential(&live).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_key_to_all_buckets_opens_those_of_later_but_never_media() {
    for house in houses(&Config::default()).await {
        let account = operator(&house).await.id;
        let (key, _) = house.identity.ensure_access_key(account, "all", &Buckets::All, NOW).await.unwrap();
        let who = house.identity.credential(&key.id).await.unwrap().unwrap().who;
        let read = |bucket: BucketName| may(&who, Action::ReadBucket, &Resource::Bucket(&bucket));
        assert!(read("later".parse().unwrap()) && !read(BucketName::media()));
    }
}

#[tokio::test]
async fn viewers_and_empty_bucket_lists_get_no_access_key() {
    for house in houses(&Config::default()).await {
        let viewer = house.identity.ensure_account("v@example.org", Role::Viewer, NOW).await.unwrap();
        let creator = house.identity.ensure_account("c@example.org", Role::Creator, NOW).await.unwrap();
        let ensure = async |account, buckets| {
            house.identity.ensure_access_key(account, "k", &buckets, NOW).await.map(|_| ())
        };
        let named = Buckets::Only([BucketName::source()].into());
        for (account, buckets) in [(viewer.id, named), (viewer.id, Buckets::All), (creator.id, Buckets::All)]
        {
            assert!(matches!(ensure(account, buckets).await, Err(Error::KeyOwner { .. })));
        }
        let none = ensure(operator(&house).await.id, Buckets::Only([].into())).await;
        assert!(matches!(none, Err(Error::AccessKey)));
    }
}

#[tokio::test]
async fn a_creators_key_opens_its_named_buckets_while_its_owner_is_a_creator_or_more() {
    for house in houses(&Config::default()).await {
        let creator = house.identity.ensure_account("c@example.org", Role::Creator, NOW).await.unwrap().id;
        let buckets = Buckets::Only([BucketName::source()].into());
        let (key, _) = house.identity.ensure_access_key(creator, "k", &buckets, NOW).await.unwrap();
        for (role, opens) in [(Role::Creator, true), (Role::Viewer, false), (Role::Operator, true)] {
            house.identity.set_role(creator, role, NOW).await.unwrap();
            let found = house.identity.credential(&key.id).await.unwrap();
            let may_write = |bucket: BucketName| {
                let who = found.as_ref().map(|found| &found.who);
                who.is_some_and(|who| may(who, Action::WriteBucket, &Resource::Bucket(&bucket)))
            };
            assert_eq!(may_write(BucketName::source()), opens, "{role}");
            assert!(!may_write("other".parse().unwrap()));
        }
    }
}

#[tokio::test]
async fn sweeping_removes_only_what_is_over() {
    for house in houses(&crate::support::open()).await {
        let begun = house.begin("ann@example.org", NOW).await.unwrap();
        let session = sign_in(&house, Role::Viewer, NOW).await;
        house.identity.sweep(NOW.plus_ms(299_999)).await.unwrap();
        let code = house.code(NOW).await;
        house.verify(&begun, &code, NOW.plus_ms(299_999)).await.unwrap();
        assert!(house.identity.authenticate(&session.token, NOW).await.unwrap().is_some());
        house.identity.sweep(NOW.plus_ms(200 * DAY)).await.unwrap();
        for table in ["challenges", "throttles", "links", "devices", "sessions"] {
            let sql: &'static str = format!("SELECT COUNT(*) AS n FROM {table}").leak();
            let left = house.test.db.one(sql, db::args![]).await.unwrap().get::<i64>("n").unwrap();
            assert_eq!(left, 0, "{table}");
        }
    }
}

#[tokio::test]
async fn a_session_acts_as_its_account() {
    for house in houses(&Config::default()).await {
        let token = sign_in(&house, Role::Creator, NOW).await.token;
        let session = house.identity.authenticate(&token, NOW).await.unwrap().unwrap();
        let who = session.who();
        assert!(matches!(who, Who::Account { role: Role::Creator, .. }));
        assert_eq!((who.account(), who.session()), (Some(session.account.id), Some(session.id)));
        assert!(may(&who, Action::Upload, &Resource::Installation));
        assert!(!may(&who, Action::ManageAccounts, &Resource::Installation));
    }
}

#[tokio::test]
async fn parts_are_taken_from_who_may_upload_now() {
    for house in houses(&Config::default()).await {
        let ensure = async |role: Role| {
            house.identity.ensure_account(&format!("{role}@example.org"), role, NOW).await.unwrap().id
        };
        let (viewer, creator) = (ensure(Role::Viewer).await, ensure(Role::Creator).await);
        ensure(Role::Operator).await;
        let may = async |id| house.identity.may_send_parts(id).await.unwrap();
        assert!(may(creator).await && !may(viewer).await && !may(AccountId::new()).await);
        house.identity.set_role(viewer, Role::Creator, NOW).await.unwrap();
        house.identity.suspend(creator, NOW).await.unwrap();
        assert!(may(viewer).await && !may(creator).await);
    }
}
