//! Addresses, browsers and places of people lie sealed: new ones, those of older versions, and after a rotation.

use db::args;
use db::testing::TestDb;
use identity::code::CodeKeys;
use identity::invitation::{For, Offer};
use identity::session::Device;
use identity::token::{InviteToken, SessionToken};
use identity::{Config, Identity, Role};
use model::{AccountId, SessionId};
use notify::Outbox;
use seal::{KeyRing, Purpose};

use crate::support::{DEVICE, House, NOW, houses, kept, open};

const PEOPLE: usize = 1100;
/// Texts that no row may contain: addresses, a browser and a place.
const HIDDEN: [&str; 5] =
    ["person7@example.org", "Ann@example.org", "eve@example.org", "curious browser", "203.0.113.77"];

fn shows(kept: &[u8], text: &str) -> bool {
    let contains = |needle: &[u8]| kept.windows(needle.len()).any(|found| found == needle);
    contains(text.as_bytes()) || contains(hex::encode(text).as_bytes())
}

async fn migrated() -> Vec<TestDb> {
    db::testing::databases(&[notify::MIGRATIONS, identity::MIGRATIONS]).await
}

async fn opened(test: &TestDb, ring: &KeyRing) -> Identity {
    let outbox = Outbox::open(test.db.clone(), ring).await.unwrap();
    let codes = CodeKeys::new(1, &[7; 32]);
    Identity::open(test.db.clone(), outbox, codes, ring, Config::default()).await.unwrap()
}

/// An account as older versions kept it.
async fn clear_account(test: &TestDb, address: &str) -> AccountId {
    const INSERT: &str = "INSERT INTO accounts (id, address, address_key, role, created_at)
        VALUES ($1, $2, $3, 'viewer', $4)";
    let id = AccountId::new();
    test.db.execute(INSERT, args![id, address, address.to_ascii_lowercase(), NOW]).await.unwrap();
    id
}

/// A session as older versions kept it.
async fn clear_session(test: &TestDb, account: AccountId, agent: &str) -> SessionToken {
    const INSERT: &str = "INSERT INTO sessions
        (token_hash, id, account, via, agent, ip, created_at, authenticated_at, seen_at)
        VALUES ($1, $2, $3, 'code', $4, '203.0.113.77', $5, $5, $5)";
    let token = SessionToken::parse(&hex::encode([9; 32])).unwrap();
    let hash = sha256(token.as_str());
    test.db.execute(INSERT, args![hash, SessionId::new(), account, agent, NOW]).await.unwrap();
    token
}

/// An invitation as older versions kept it.
async fn clear_invitation(test: &TestDb, address: &str) -> InviteToken {
    const INSERT: &str = "INSERT INTO invitations
        (id, token_hash, address, role, max_uses, created_at, expires_at) VALUES ('i', $1, $2, 'creator', 1, $3, $4)";
    let token = InviteToken::parse(&hex::encode([8; 32])).unwrap();
    let args = args![sha256(token.as_str()), address, NOW, NOW.plus_ms(60_000)];
    test.db.execute(INSERT, args).await.unwrap();
    token
}

fn sha256(text: &str) -> String {
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()))
}

#[tokio::test]
async fn rows_of_older_versions_are_sealed_and_found_as_before() {
    for test in migrated().await {
        let crowd = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $1)
            INSERT INTO accounts (id, address, address_key, role, created_at)
            SELECT '01890000000070008000' || SUBSTR(CAST(1000000000000 + i AS TEXT), 2),
                'person' || i || '@example.org', 'person' || i || '@example.org', 'viewer', $2 FROM n";
        test.db.execute(crowd, args![PEOPLE, NOW]).await.unwrap();
        let ann = clear_account(&test, "Ann@example.org").await;
        let session = clear_session(&test, ann, "sealed:1:curious browser").await;
        let invitation = clear_invitation(&test, "Eve@example.org").await;
        let gone = clear_account(&test, "eve@example.org").await;
        test.db.execute("DELETE FROM accounts WHERE id = $1", args![gone]).await.unwrap();
        let before = kept(&test.db).await;
        assert!(
            HIDDEN.iter().filter(|text| shows(&before, text)).count() >= 4,
            "this test sees what is clear"
        );

        let ring = seal::testing::ring(8);
        // Several processes that start at once, and one after them.
        let all = tokio::join!(opened(&test, &ring), opened(&test, &ring), opened(&test, &ring));
        let last = opened(&test, &ring).await;
        assert!(last.scrub().await.unwrap());
        let sealed = kept(&test.db).await;
        for text in HIDDEN {
            assert!(!shows(&sealed, text), "{:?}: {text}", test.engine());
        }
        for identity in [&all.0, &all.1, &all.2, &last] {
            let found = identity.account_of("ANN@example.org").await.unwrap().unwrap();
            assert_eq!((found.id, found.address.as_str()), (ann, "Ann@example.org"));
            for n in [0, 499, 500, PEOPLE - 1] {
                let address = format!("person{n}@example.org");
                let again = identity.ensure_account(&address, Role::Operator, NOW).await.unwrap();
                assert_eq!((again.address.as_str(), again.role), (address.as_str(), Role::Viewer));
            }
        }
        let session = last.authenticate(&session, NOW).await.unwrap().unwrap();
        assert_eq!((session.account.id, session.ip.as_str()), (ann, "203.0.113.77"));
        assert_eq!(session.agent, "sealed:1:curious browser", "a browser may call itself anything");
        let eve = last.accept_invitation(&invitation, &DEVICE, NOW).await.unwrap().account;
        assert_eq!((eve.address.as_str(), eve.role), ("Eve@example.org", Role::Creator));
        assert_eq!(last.accounts(None, 1000).await.unwrap().len(), 1000);
    }
}

#[tokio::test]
async fn a_start_that_was_broken_off_goes_on() {
    for test in migrated().await {
        let ring = seal::testing::ring(8);
        let first = opened(&test, &ring).await;
        let ann = first.ensure_account("ann@example.org", Role::Viewer, NOW).await.unwrap().id;
        const TEXT: &str = "SELECT address FROM accounts WHERE id = $1";
        let text = async || test.db.one(TEXT, args![ann]).await.unwrap().get::<String>("address").unwrap();
        let before = text().await;
        // The half that a killed one left, and that nothing was scrubbed.
        let bob = clear_account(&test, "Bob@example.org").await;
        test.db.execute("UPDATE address_index SET scrubbed = FALSE", args![]).await.unwrap();
        let second = opened(&test, &ring).await;
        assert!(second.scrub().await.unwrap());
        assert!(!shows(&kept(&test.db).await, "Bob@example.org"));
        assert_eq!(second.account_of("bob@example.org").await.unwrap().unwrap().id, bob);
        assert_eq!(second.account_of("ann@example.org").await.unwrap().unwrap().id, ann);
        assert_eq!(text().await, before, "what was sealed stays");
        assert_eq!(second.renew_personal().await.unwrap(), seal::Renewed::default());
    }
}

#[tokio::test]
async fn a_database_that_was_written_anew_is_so_again_when_other_tables_had_addresses() {
    let before = db::Migrations { steps: &identity::MIGRATIONS.steps[..4], ..identity::MIGRATIONS };
    for test in db::testing::databases(&[notify::MIGRATIONS, before]).await {
        let ring = seal::testing::ring(8);
        assert!(opened(&test, &ring).await.scrub().await.unwrap());
        // Data of another table that its owner removed.
        let address = "eve@example.org".repeat(300);
        test.db.execute("CREATE TABLE other (reason TEXT)", args![]).await.unwrap();
        test.db.execute("INSERT INTO other (reason) VALUES ($1)", args![address]).await.unwrap();
        test.db.execute("UPDATE other SET reason = ''", args![]).await.unwrap();
        test.db.migrate(&[notify::MIGRATIONS, identity::MIGRATIONS]).await.unwrap();
        assert!(opened(&test, &ring).await.scrub().await.unwrap());
        assert!(!shows(&kept(&test.db).await, "eve@example.org"), "{:?}", test.engine());
    }
}

#[tokio::test]
async fn nothing_that_is_kept_shows_a_person() {
    for house in houses(&open()).await {
        let device = Device { agent: "a curious browser", ip: "203.0.113.77".parse().unwrap() };
        let begun = house.begin_in("person7@example.org", None, device.ip, NOW).await.unwrap();
        let queued = kept(&house.test.db).await;
        let code = house.code(NOW).await;
        house.verify(&begun, &code, NOW).await.unwrap();
        let ann = house.identity.ensure_account("Ann@example.org", Role::Operator, NOW).await.unwrap();
        let link = house.identity.create_link(ann.id, None, NOW).await.unwrap();
        house.identity.consume_link(&link, &device, NOW).await.unwrap();
        let lifetime_ms = 60_000;
        let offer = Offer { to: For::Address("eve@example.org"), role: Role::Viewer, lifetime_ms, by: None };
        house.identity.invite(&offer, NOW).await.unwrap();
        let listed = house.identity.sessions(ann.id, NOW).await.unwrap();
        assert_eq!((listed[0].agent.as_str(), listed[0].ip.as_str()), ("a curious browser", "203.0.113.77"));
        for kept in [queued, kept(&house.test.db).await] {
            for text in HIDDEN {
                assert!(!shows(&kept, text), "{:?}: {text}", house.test.engine());
            }
        }
    }
}

#[tokio::test]
async fn a_rotation_seals_every_row_again_and_changes_no_index() {
    for test in migrated().await {
        let ring = seal::testing::ring(8);
        let house = House::with_ring(test, open(), &ring).await;
        let (identity, db) = (&house.identity, &house.test.db);
        let ann = identity.ensure_account("Ann@example.org", Role::Operator, NOW).await.unwrap();
        let link = identity.create_link(ann.id, None, NOW).await.unwrap();
        let session = identity.consume_link(&link, &DEVICE, NOW).await.unwrap();
        let offer =
            Offer { to: For::Address("eve@example.org"), role: Role::Viewer, lifetime_ms: 60_000, by: None };
        identity.invite(&offer, NOW).await.unwrap();
        let begun = house.begin("Ann@example.org", NOW).await.unwrap();
        let index = "SELECT address_key FROM accounts";
        let index = async || db.one(index, args![]).await.unwrap().get::<String>("address_key").unwrap();
        let before = index().await;

        ring.rotate(Purpose::Personal, NOW).unwrap();
        let renewed = identity.renew_personal().await.unwrap();
        assert_eq!(
            (renewed.sealed, renewed.unopened),
            (5, 0),
            "key, account, session, invitation, challenge"
        );
        assert_eq!(identity.renew_personal().await.unwrap(), seal::Renewed::default());
        assert_eq!(index().await, before);
        let old = "SELECT COUNT(*) AS n FROM (SELECT address AS t FROM accounts UNION ALL SELECT address FROM challenges
            UNION ALL SELECT address FROM invitations UNION ALL SELECT ip FROM sessions
            UNION ALL SELECT agent FROM sessions) AS texts WHERE t NOT LIKE 'sealed:2:%'";
        assert_eq!(db.one(old, args![]).await.unwrap().get::<i64>("n").unwrap(), 0);

        // This process and the next one keep working.
        let next = opened(&house.test, &ring).await;
        for identity in [identity, &next] {
            assert_eq!(identity.account_of("ann@example.org").await.unwrap().unwrap().id, ann.id);
            let session = identity.authenticate(&session.token, NOW).await.unwrap().unwrap();
            assert_eq!((session.agent.as_str(), session.ip.as_str()), (DEVICE.agent, "127.0.0.1"));
        }
        let code = house.code(NOW).await;
        assert_eq!(house.verify(&begun, &code, NOW).await.unwrap().account.id, ann.id);
    }
}

#[tokio::test]
async fn what_does_not_open_holds_up_no_rotation() {
    for test in migrated().await {
        let ring = seal::testing::ring(8);
        let identity = opened(&test, &ring).await;
        let make = async |name: &str| {
            let made = identity.ensure_account(&format!("{name}@example.org"), Role::Viewer, NOW).await;
            made.unwrap().id
        };
        let (ann, _, eve) = (make("ann").await, make("bob").await, make("eve").await);
        // One that somebody put into the place of another.
        let swap = "UPDATE accounts SET address = (SELECT address FROM accounts WHERE id = $1) WHERE id = $2";
        test.db.execute(swap, args![ann, eve]).await.unwrap();
        assert!(
            identity.account_of("eve@example.org").await.is_err(),
            "a sealed text stays where it belongs"
        );
        ring.rotate(Purpose::Personal, NOW).unwrap();
        let renewed = identity.renew_personal().await.unwrap();
        assert_eq!((renewed.sealed, renewed.unopened), (3, 1), "two people and the key of the index");
        assert!(opened(&test, &ring).await.account_of("bob@example.org").await.unwrap().is_some());
    }
}

#[tokio::test]
async fn another_ring_opens_no_identity_and_changes_nothing() {
    for test in migrated().await {
        let ring = seal::testing::ring(8);
        opened(&test, &ring).await.ensure_account("ann@example.org", Role::Viewer, NOW).await.unwrap();
        let other = seal::testing::ring(9);
        let outbox = Outbox::open(test.db.clone(), &other).await.unwrap();
        let codes = CodeKeys::new(1, &[7; 32]);
        let refused = Identity::open(test.db.clone(), outbox, codes, &other, Config::default()).await;
        assert!(matches!(refused, Err(identity::Error::Vault(_))));
        assert!(opened(&test, &ring).await.account_of("ann@example.org").await.unwrap().is_some());
    }
}
