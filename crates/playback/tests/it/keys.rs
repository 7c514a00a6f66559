//! Signing keys, the CDN secret, and what the edge is told.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::KeyPair;
use base64::Engine as _;
use identity::Role;
use model::delivery::{Access, Origin};
use model::title::Visibility;
use playback::key::{Kind, MAX_TRUSTED};
use playback::{Config, Error, NewKey, Playback};
use sign::SigningKey;
use tokio_util::sync::CancellationToken;

use crate::support::{MIGRATIONS, NOW, ORIGIN, houses, open, person, wish};

fn rsa_pem(size: KeySize) -> String {
    let pair = aws_lc_rs::rsa::KeyPair::generate(size).unwrap();
    let der = pair.public_key().as_der().unwrap();
    let text = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|c| std::str::from_utf8(c).unwrap()).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}

#[tokio::test]
async fn operators_trust_and_remove_keys_as_in_a_key_group() {
    let rsa = rsa_pem(KeySize::Rsa2048);
    let p256 = SigningKey::generate("x").unwrap();
    for house in houses().await {
        let own = house.state().keys[0].clone();
        assert!(own.session && own.id.len() == 14 && own.id.starts_with('K'));

        let new = NewKey { id: Some("K2JCJMDEHXQW5F"), name: "shop", pem: &rsa };
        let key = house.playback.trust_key(&new, NOW).await.unwrap();
        assert_eq!((key.id.as_str(), key.kind, key.session), ("K2JCJMDEHXQW5F", Kind::Rsa2048, false));
        let new = NewKey { id: None, name: "app\n", pem: p256.public_pem() };
        let second = house.playback.trust_key(&new, NOW).await.unwrap();
        assert_eq!((second.kind, second.name.as_str()), (Kind::P256, "app"));
        let ids: Vec<String> = house.state().keys.iter().map(|k| k.id.to_string()).collect();
        assert_eq!([&ids[0], &ids[2], &ids[3]], [&*own.id, key.id.as_str(), second.id.as_str()]);
        assert_eq!(house.playback.keys().await.unwrap().len(), 4);

        house.playback.remove_key(&key.id, NOW).await.unwrap();
        assert_eq!(house.state().keys.len(), 3);
        assert!(matches!(house.playback.remove_key(&key.id, NOW).await, Err(Error::NoKey { .. })));
        assert!(matches!(house.playback.remove_key(&own.id, NOW).await, Err(Error::NoKey { .. })));
        let again = NewKey { id: Some(&key.id), name: "shop", pem: &rsa };
        let refused = house.playback.trust_key(&again, NOW).await;
        assert!(matches!(refused, Err(Error::KeyExists { .. })), "an id is used once");
    }
}

#[tokio::test]
async fn a_key_is_of_its_kind_whatever_stands_around_it() {
    let key = SigningKey::generate("x").unwrap();
    let note = "# Made for the shop, where it signs the addresses of trailers.\n".repeat(5);
    for house in houses().await {
        for (pem, kind) in [
            (format!("{note}{}", &**key.public_pem()), Kind::P256),
            (rsa_pem(KeySize::Rsa2048).replace('\n', "\n\n") + &note, Kind::Rsa2048),
        ] {
            let new = NewKey { id: None, name: "shop", pem: &pem };
            assert_eq!(house.playback.trust_key(&new, NOW).await.unwrap().kind, kind, "{pem}");
        }
    }
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let key = SigningKey::generate("x").unwrap();
    let (long, small) =
        (rsa_pem(KeySize::Rsa3072), "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----");
    for house in houses().await {
        for (id, pem) in [
            (None, ""),
            (None, small),
            (None, long.as_str()),
            (None, key.to_pem().as_str()),
            (Some("a b"), &**key.public_pem()),
        ] {
            let refused = house.playback.trust_key(&NewKey { id, name: "x", pem }, NOW).await;
            assert!(matches!(refused, Err(Error::Sign(_))));
        }
        assert_eq!(house.state().keys.len(), 2);
    }
}

#[tokio::test]
async fn twenty_keys_can_be_trusted() {
    let key = SigningKey::generate("x").unwrap();
    for house in houses().await {
        let trust = (0..MAX_TRUSTED + 5).map(|_| {
            let (playback, pem) = (house.playback.clone(), key.public_pem().clone());
            tokio::spawn(async move {
                playback.trust_key(&NewKey { id: None, name: "x", pem: &pem }, NOW).await.is_ok()
            })
        });
        let mut trusted = 0;
        for done in trust.collect::<Vec<_>>() {
            trusted += usize::from(done.await.unwrap());
        }
        assert_eq!(trusted, MAX_TRUSTED, "{:?}", house.test.engine());
        assert_eq!(house.state().keys.len(), MAX_TRUSTED + 2);
    }
}

#[tokio::test]
async fn our_key_and_secret_are_made_once() {
    for test in db::testing::databases(&MIGRATIONS).await {
        let catalogue = catalogue::Catalogue::open(test.db.clone()).await.unwrap();
        let opened = tokio::join!(open(&test, &catalogue), open(&test, &catalogue), open(&test, &catalogue));
        let (a, b, c) = (opened.0.unwrap(), opened.1.unwrap(), opened.2.unwrap());
        assert_eq!(a.state().borrow().keys, b.state().borrow().keys);
        assert_eq!(a.state().borrow().keys, c.state().borrow().keys);
        assert_eq!(*a.cdn_secret().borrow(), *b.cdn_secret().borrow());
        assert_eq!(*a.cdn_secret().borrow(), *c.cdn_secret().borrow());

        let other_vault = seal::Vault::new(&seal::testing::ring(9), seal::Purpose::Signing);
        let refused = Playback::open(test.db.clone(), catalogue, other_vault, Config::default(), NOW).await;
        assert!(matches!(refused, Err(Error::Vault(_))));
    }
}

#[tokio::test]
async fn origins_know_a_secret_before_edges_send_it() {
    for house in houses().await {
        let watched = house.playback.cdn_secret();
        let first = watched.borrow().clone();
        assert!(first.previous().is_none() && first.other().is_none());
        assert_eq!(first.version(), 1);
        assert_eq!(first.current().parse::<uuid::Uuid>().unwrap().get_version_num(), 4);

        house.playback.rotate_cdn_secret(NOW).await.unwrap();
        let announced = watched.borrow().clone();
        assert_eq!(announced.current(), first.current(), "edges still send the old one");
        let next = announced.other().unwrap().clone();
        assert_ne!(next, *first.current());
        assert!(matches!(house.playback.rotate_cdn_secret(NOW).await, Err(Error::Rotating)));
        house.playback.refresh(NOW.plus_ms(4_999)).await.unwrap();
        assert_eq!(*watched.borrow(), announced);

        house.playback.refresh(NOW.plus_ms(5_000)).await.unwrap();
        let second = watched.borrow().clone();
        assert_eq!((second.current(), second.other()), (&next, Some(first.current())));
        assert_eq!((second.version(), second.rotated_at()), (2, NOW.plus_ms(5_000)));

        house.playback.rotate_cdn_secret(NOW).await.unwrap();
        let stored = house.test.db.one("SELECT * FROM cdn_secret", db::args![]).await.unwrap();
        for column in ["sealed_current", "sealed_previous", "sealed_next"] {
            let bytes: Vec<u8> = stored.get(column).unwrap();
            for value in [first.current(), second.current(), watched.borrow().other().unwrap()] {
                assert!(!bytes.windows(value.len()).any(|w| w == value.as_bytes()));
            }
        }
    }
}

#[tokio::test]
async fn secrets_move_under_a_new_key_and_out_of_the_old_format() {
    for house in houses().await {
        let before = house.playback.cdn_secret().borrow().clone();
        house.playback.rotate_cdn_secret(NOW).await.unwrap();
        let ring = seal::testing::ring(8);
        let vault = seal::Vault::new(&ring, seal::Purpose::Signing);
        let open = || {
            Playback::open(
                house.test.db.clone(),
                house.catalogue.clone(),
                vault.clone(),
                Config::default(),
                NOW,
            )
        };
        let playback = open().await.unwrap();
        assert_eq!(playback.renew_secrets().await.unwrap(), seal::Renewed::default());
        ring.rotate(seal::Purpose::Signing, NOW).unwrap();
        let renewed = playback.renew_secrets().await.unwrap();
        assert_eq!((renewed.sealed, renewed.unopened), (4, 0), "two values of the CDN secret and two keys");
        assert_eq!(playback.renew_secrets().await.unwrap(), seal::Renewed::default());
        let again = open().await.unwrap();
        assert_eq!(again.cdn_secret().borrow().current(), before.current());
        assert!(again.cdn_secret().borrow().other().is_some());
        assert_eq!(again.state().borrow().keys, house.state().keys);

        // A value that was announced after the ring's rotation needs nothing; the others do.
        ring.rotate(seal::Purpose::Signing, NOW).unwrap();
        let newest = vault.seal("cdn-secret|installation", again.cdn_secret().borrow().current().as_bytes());
        let sql = "UPDATE cdn_secret SET sealed_current = $1";
        house.test.db.execute(sql, db::args![newest.unwrap()]).await.unwrap();
        assert_eq!(playback.renew_secrets().await.unwrap().sealed, 3, "the next value and two keys");
        let row = house.test.db.one("SELECT * FROM cdn_secret", db::args![]).await.unwrap();
        let next: Vec<u8> = row.get("sealed_next").unwrap();
        assert_eq!(vault.renew("cdn-secret|installation", &next).unwrap(), None);
    }
}

#[tokio::test]
async fn a_secret_that_is_none_is_not_taken_for_one() {
    for house in houses().await {
        let vault = seal::Vault::new(&seal::testing::ring(8), seal::Purpose::Signing);
        let before = house.playback.cdn_secret().borrow().clone();
        for spoilt in [b"\xff".as_slice(), b"", b"a b"] {
            let spoilt = vault.seal("cdn-secret|installation", spoilt).unwrap();
            let sql = "UPDATE cdn_secret SET sealed_current = $1";
            house.test.db.execute(sql, db::args![spoilt]).await.unwrap();
            assert!(matches!(house.playback.refresh(NOW).await, Err(Error::Stored { .. })));
            assert_eq!(*house.playback.cdn_secret().borrow(), before);
        }
    }
}

#[tokio::test]
async fn media_need_a_signature_and_pages_do_not() {
    for house in houses().await {
        let shown: Vec<_> =
            house.state().behaviours.into_iter().map(|b| (b.path, b.origin, b.access)).collect();
        assert_eq!(
            shown,
            [
                ("/out/*".into(), Origin::Packager, Access::Signed),
                ("/t/*".into(), Origin::Packager, Access::Signed),
                ("*".into(), Origin::Site, Access::Open),
            ]
        );
    }
}

#[tokio::test]
async fn the_service_brings_changes_of_other_processes() {
    for house in houses().await {
        let other = open(&house.test, &house.catalogue).await.unwrap();
        let mut watched = other.state();
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(playback::Service::new(other).run(shutdown.clone()));
        let key = SigningKey::generate("x").unwrap();
        let new = NewKey { id: None, name: "x", pem: key.public_pem() };
        house.playback.trust_key(&new, NOW).await.unwrap();
        watched.wait_for(|state| state.keys.len() == 3).await.unwrap();
        shutdown.cancel();
        running.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn debug_shows_no_secret() {
    for house in houses().await {
        let (title, _) = house.title(Visibility::Public, None).await;
        let viewer = person(Role::Viewer);
        let started = house.playback.start(&wish(&viewer, title), ORIGIN).await.unwrap();
        let link = house.playback.link(&wish(&viewer, title), 60).await.unwrap();
        let secret = house.playback.cdn_secret().borrow().clone();
        let shown = format!("{:?} {started:?} {link:?} {secret:?}", house.playback);
        assert!(!shown.contains(&**secret.current()));
        assert!(!shown.contains(link.path.split('/').nth(2).unwrap()));
        for (_, value) in &started.permit.cookies[..2] {
            assert!(!shown.contains(value));
        }
    }
}
