//! The outbox and its delivery, on every engine that is there.

#![expect(clippy::unwrap_used, reason = "a failing helper of a test shall panic")]

use std::sync::{Arc, Mutex};

use db::testing::TestDb;
use model::Timestamp;
use notify::{Channel, MIGRATIONS, Mail, Mailbox, New, Outbox, Pause, Service};
use tokio_util::sync::CancellationToken;

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn code(message: &str, attempt: u32) -> New<'_> {
    New {
        message,
        kind: "code",
        channel: Channel::Mail,
        attempt,
        to: "ann@example.org",
        payload: "p",
        created: NOW,
        expires: NOW.plus_ms(300_000),
    }
}

struct Post {
    test: TestDb,
    outbox: Outbox,
    ring: seal::KeyRing,
    dir: tempfile::TempDir,
}

impl Post {
    async fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for test in db::testing::databases(&[MIGRATIONS]).await {
            let ring = seal::testing::ring(8);
            let outbox = Outbox::open(test.db.clone(), &ring).await.unwrap();
            all.push(Self { outbox, test, ring, dir: tempfile::tempdir().unwrap() });
        }
        all
    }

    fn service(&self) -> Service {
        let mailbox = Mailbox::open(self.dir.path().join("mail"), "Kinora <no-reply@localhost>").unwrap();
        let render =
            |item: &notify::Item| Some(Mail::new(item.to(), "Hi", format!("about {}", item.message())));
        Service::new(self.outbox.clone(), Arc::new(mailbox), Arc::new(render))
    }

    async fn enqueue(&self, new: New<'_>) {
        let mut tx = self.test.db.begin().await.unwrap();
        self.outbox.enqueue(&mut tx, &new).await.unwrap();
        tx.commit().await.unwrap();
        self.outbox.wake();
    }

    fn mails(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.dir.path().join("mail")).unwrap();
        let paths = files.map(|f| f.unwrap().path());
        paths
            .filter(|p| p.extension().is_some_and(|e| e == "eml"))
            .map(|p| std::fs::read_to_string(p).unwrap())
            .collect()
    }
}

#[tokio::test]
async fn each_attempt_is_sent_once() {
    for post in Post::all().await {
        let service = post.service();
        post.enqueue(code("a", 1)).await;
        post.enqueue(code("a", 1)).await;
        assert_eq!(service.deliver_due(NOW).await.unwrap(), 1);
        post.enqueue(code("a", 1)).await;
        assert_eq!(service.deliver_due(NOW).await.unwrap(), 0);
        post.enqueue(code("a", 2)).await;
        assert_eq!(service.deliver_due(NOW).await.unwrap(), 1);
        assert_eq!(post.mails().len(), 2);
        assert!(post.mails()[0].ends_with("\r\n\r\nabout a\r\n"));
    }
}

#[tokio::test]
async fn a_message_may_wait_for_a_random_time_before_it_is_sent() {
    for post in Post::all().await {
        let outbox = post.outbox.clone().with_pause(Pause::NETWORK);
        let post = Post { outbox, ..post };
        for n in 0..20 {
            post.enqueue(code(&format!("m{n}"), 1)).await;
        }
        let service = post.service();
        let mut sent = Vec::new();
        for ms in [249, 600, 1400, 1750] {
            let mut all = 0;
            loop {
                match service.deliver_due(NOW.plus_ms(ms)).await.unwrap() {
                    0 => break,
                    some => all += some,
                }
            }
            sent.push(all);
        }
        assert_eq!((sent[0], sent.iter().sum::<usize>()), (0, 20), "{sent:?}");
        assert!(sent[1..].iter().all(|some| *some < 20), "not all at the same moment: {sent:?}");
    }
}

#[tokio::test]
async fn a_rolled_back_change_sends_nothing() {
    for post in Post::all().await {
        let mut tx = post.test.db.begin().await.unwrap();
        post.outbox.enqueue(&mut tx, &code("a", 1)).await.unwrap();
        drop(tx);
        assert_eq!(post.service().deliver_due(NOW).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn expired_messages_are_dropped() {
    for post in Post::all().await {
        post.enqueue(code("a", 1)).await;
        assert_eq!(post.service().deliver_due(NOW.plus_ms(300_000)).await.unwrap(), 0);
        assert!(post.mails().is_empty());
        let rows = post.test.db.all("SELECT id FROM outbox", db::args![]).await.unwrap();
        assert!(rows.is_empty(), "{:?}", post.test.engine());
    }
}

#[tokio::test]
async fn a_failed_sending_is_tried_again_later() {
    for post in Post::all().await {
        let service = post.service();
        std::fs::remove_dir(post.dir.path().join("mail")).unwrap();
        post.enqueue(code("a", 1)).await;
        assert_eq!(service.deliver_due(NOW).await.unwrap(), 1);
        std::fs::create_dir(post.dir.path().join("mail")).unwrap();
        assert_eq!(service.deliver_due(NOW.plus_ms(249)).await.unwrap(), 0);
        assert_eq!(service.deliver_due(NOW.plus_ms(20_000)).await.unwrap(), 1);
        assert_eq!(post.mails().len(), 1);
    }
}

#[tokio::test]
async fn a_sender_that_died_is_replaced_after_its_lease() {
    for post in Post::all().await {
        post.enqueue(code("a", 1)).await;
        let claim = "UPDATE outbox SET tries = tries + 1, run_at = run_at + 30000";
        post.test.db.execute(claim, db::args![]).await.unwrap();
        assert_eq!(post.service().deliver_due(NOW.plus_ms(29_999)).await.unwrap(), 0);
        assert_eq!(post.service().deliver_due(NOW.plus_ms(30_000)).await.unwrap(), 1);
    }
}

async fn deliver_all(service: &Service) -> usize {
    let mut all = 0;
    loop {
        match service.deliver_due(NOW).await.unwrap() {
            0 => return all,
            some => all += some,
        }
    }
}

#[tokio::test]
async fn two_services_never_send_the_same_message() {
    for post in Post::all().await {
        let names: Vec<String> = (0..60).map(|n| format!("m{n}")).collect();
        for name in &names {
            post.enqueue(code(name, 1)).await;
        }
        let seen = Arc::new(Mutex::new(Vec::new()));
        let service = || {
            let mailbox = Mailbox::open(post.dir.path().join("mail"), "k@localhost").unwrap();
            let seen = seen.clone();
            let render = move |item: &notify::Item| {
                seen.lock().unwrap().push(item.message().to_owned());
                Some(Mail::new(item.to(), "Hi", "x"))
            };
            Service::new(post.outbox.clone(), Arc::new(mailbox), Arc::new(render))
        };
        let (a, b) = (service(), service());
        let (x, y) =
            tokio::join!(async { (a.deliver_due(NOW).await.unwrap(), deliver_all(&a).await) }, async {
                (b.deliver_due(NOW).await.unwrap(), deliver_all(&b).await)
            });
        assert_eq!(x.0 + x.1 + y.0 + y.1, 60);
        let mut seen = seen.lock().unwrap().clone();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 60);
        assert_eq!(post.mails().len(), 60);
    }
}

#[tokio::test]
async fn what_can_never_be_sent_is_given_up_at_once() {
    for post in Post::all().await {
        let mailbox = Mailbox::open(post.dir.path().join("mail"), "k@localhost").unwrap();
        let render = |item: &notify::Item| Some(Mail::new(item.to(), "Hi\r\nBcc: eve@example.org", "x"));
        let service = Service::new(post.outbox.clone(), Arc::new(mailbox), Arc::new(render));
        post.enqueue(code("a", 1)).await;
        assert_eq!(service.deliver_due(NOW).await.unwrap(), 1);
        assert_eq!(service.deliver_due(NOW.plus_ms(100_000)).await.unwrap(), 0);
        let row = post.test.db.one("SELECT recipient, failed_at FROM outbox", db::args![]).await.unwrap();
        assert_eq!(row.get::<String>("recipient").unwrap(), "");
        assert!(row.get_opt::<Timestamp>("failed_at").unwrap().is_some());
        post.enqueue(code("a", 1)).await;
        assert_eq!(post.service().deliver_due(NOW).await.unwrap(), 0, "and not queued again");
        assert!(post.mails().is_empty());
    }
}

#[tokio::test]
async fn a_full_outbox_takes_no_more() {
    for post in Post::all().await {
        let fill = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
            INSERT INTO outbox (id, message, kind, channel, attempt, recipient, payload, created_at, expires_at, run_at)
            SELECT 'x' || i, 'x' || i, 'code', 'mail', 1, 'a@b', '', 0, 9000000000000, 0 FROM n";
        post.test.db.execute(fill, db::args![]).await.unwrap();
        let mut tx = post.test.db.begin().await.unwrap();
        let refused = post.outbox.enqueue(&mut tx, &code("a", 1)).await;
        assert!(matches!(refused, Err(notify::Error::Full { .. })), "{refused:?}");
        drop(tx);
        post.test.db.execute("UPDATE outbox SET sent_at = 1 WHERE id = 'x1'", db::args![]).await.unwrap();
        post.enqueue(code("a", 1)).await;
    }
}

#[tokio::test]
async fn a_sent_message_keeps_no_address() {
    for post in Post::all().await {
        post.enqueue(code("a", 1)).await;
        post.service().deliver_due(NOW).await.unwrap();
        let row = post.test.db.one("SELECT recipient, payload FROM outbox", db::args![]).await.unwrap();
        assert_eq!(row.get::<String>("recipient").unwrap() + &row.get::<String>("payload").unwrap(), "");
    }
}

#[tokio::test]
async fn the_service_delivers_on_a_hint_and_stops_when_told() {
    for post in Post::all().await {
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(post.service().run(shutdown.clone()));
        let now = Timestamp(jiff::Timestamp::now().as_millisecond());
        post.enqueue(New { created: now, expires: now.plus_ms(60_000), ..code("a", 1) }).await;
        let delivered = async {
            while post.mails().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), delivered).await.expect("nothing is sent");
        shutdown.cancel();
        running.await.unwrap().unwrap();
    }
}

const TEXTS: &str = "SELECT recipient, payload FROM outbox ORDER BY message";

impl Post {
    /// Recipient and payload of every row.
    async fn texts(&self) -> Vec<String> {
        let rows = self.test.db.all(TEXTS, db::args![]).await.unwrap();
        rows.iter().flat_map(|row| ["recipient", "payload"].map(|name| row.get(name).unwrap())).collect()
    }

    /// A row as older versions kept it.
    async fn clear(&self, message: &str) {
        const INSERT: &str = "INSERT INTO outbox
            (id, message, kind, channel, attempt, recipient, payload, created_at, expires_at, run_at)
            VALUES ($1, $1, 'code', 'mail', 1, 'bob@example.org', 'p', $2, $3, $2)";
        let args = db::args![message, NOW, NOW.plus_ms(300_000)];
        self.test.db.execute(INSERT, args).await.unwrap();
    }
}

#[tokio::test]
async fn what_waits_shows_nobody_and_older_rows_are_sealed_when_it_opens() {
    for post in Post::all().await {
        post.enqueue(code("a", 1)).await;
        post.clear("b").await;
        let outbox = Outbox::open(post.test.db.clone(), &post.ring).await.unwrap();
        let texts = post.texts().await;
        assert_eq!(texts.len(), 4);
        assert!(texts.iter().all(|text| text.starts_with("sealed:1:")), "{texts:?}");
        assert_eq!(outbox.renew().await.unwrap(), seal::Renewed::default());
        assert_eq!(post.service().deliver_due(NOW).await.unwrap(), 2);
        let mails = post.mails().concat();
        assert!(mails.contains("To: ann@example.org") && mails.contains("To: bob@example.org"), "{mails}");
    }
}

#[tokio::test]
async fn a_rotation_seals_what_waits_again_and_is_not_held_up() {
    for post in Post::all().await {
        for message in ["a", "b", "c"] {
            post.enqueue(code(message, 1)).await;
        }
        post.service().deliver_due(NOW).await.unwrap();
        for message in ["d", "e"] {
            post.enqueue(code(message, 1)).await;
        }
        let spoil = "UPDATE outbox SET payload = recipient WHERE message = 'd'";
        post.test.db.execute(spoil, db::args![]).await.unwrap();
        post.ring.rotate(seal::Purpose::Personal, NOW).unwrap();
        let renewed = post.outbox.renew().await.unwrap();
        assert_eq!((renewed.sealed, renewed.unopened), (1, 1), "what was sent has nothing to seal");
        assert_eq!(post.texts().await.iter().filter(|text| text.starts_with("sealed:2:")).count(), 2);
        assert_eq!(post.service().deliver_due(NOW).await.unwrap(), 1, "what does not open holds up no other");
        assert_eq!(post.mails().len(), 4);
    }
}
