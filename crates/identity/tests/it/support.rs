//! An identity on each engine, with its mailbox.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use db::testing::TestDb;
use db::{Db, args};
use identity::challenge::{Answer, Begin, Begun};
use identity::code::CodeKeys;
use identity::session::Device;
use identity::token::BrowserToken;
use identity::{Config, Error, Identity, SignedIn};
use model::Timestamp;
use notify::{Mailbox, Outbox, Service};
use seal::KeyRing;

pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000_000);
pub(crate) const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
pub(crate) const DEVICE: Device<'static> = Device { agent: "a browser", ip: IP };

pub(crate) struct House {
    pub(crate) identity: Identity,
    pub(crate) test: TestDb,
    outbox: Outbox,
    dir: tempfile::TempDir,
}

pub(crate) async fn houses(config: &Config) -> Vec<House> {
    let databases = db::testing::databases(&[notify::MIGRATIONS, identity::MIGRATIONS]).await;
    let mut all = Vec::new();
    for test in databases {
        all.push(House::with_ring(test, config.clone(), &seal::testing::ring(8)).await);
    }
    all
}

/// Sign-up is open, limits are the real ones.
pub(crate) fn open() -> Config {
    Config { open_sign_up: true, ..Config::default() }
}

impl House {
    pub(crate) async fn with_ring(test: TestDb, config: Config, ring: &KeyRing) -> Self {
        let outbox = Outbox::open(test.db.clone(), ring).await.unwrap();
        let codes = CodeKeys::new(1, &[7; 32]);
        let identity = Identity::open(test.db.clone(), outbox.clone(), codes, ring, config).await.unwrap();
        Self { identity, test, outbox, dir: tempfile::tempdir().unwrap() }
    }

    /// The same after a restart with other keys of codes.
    pub(crate) async fn reopened(self, codes: CodeKeys) -> Self {
        let (db, config) = (self.test.db.clone(), self.identity.config().clone());
        let ring = seal::testing::ring(8);
        let identity = Identity::open(db, self.outbox.clone(), codes, &ring, config).await.unwrap();
        Self { identity, ..self }
    }

    pub(crate) async fn begin(&self, address: &str, now: Timestamp) -> Result<Begun, Error> {
        self.begin_in(address, None, IP, now).await
    }

    pub(crate) async fn begin_in(
        &self,
        address: &str,
        browser: Option<&BrowserToken>,
        ip: IpAddr,
        now: Timestamp,
    ) -> Result<Begun, Error> {
        self.identity.begin(&Begin { address, browser, invitation: None, ip, now }).await
    }

    pub(crate) async fn verify(&self, begun: &Begun, code: &str, now: Timestamp) -> Result<SignedIn, Error> {
        let answer =
            Answer { challenge: &begun.challenge, browser: &begun.browser, code, device: &DEVICE, now };
        self.identity.verify(&answer).await
    }

    /// Delivers what is queued; answers the mails in order of sending.
    pub(crate) async fn mails(&self, now: Timestamp) -> Vec<String> {
        let mailbox = Mailbox::open(self.folder(), "Kinora <no-reply@localhost>").unwrap();
        let service = Service::new(self.outbox.clone(), Arc::new(mailbox), self.identity.renderer());
        while service.deliver_due(now).await.unwrap() > 0 {}
        let mut files: Vec<_> =
            std::fs::read_dir(self.folder()).unwrap().map(|f| f.unwrap().path()).collect();
        files.sort();
        files.iter().map(|f| std::fs::read_to_string(f).unwrap()).collect()
    }

    /// The code of the last mail to each address.
    pub(crate) async fn codes(&self, now: Timestamp) -> HashMap<String, String> {
        let to = |mail: &str| mail.lines().find_map(|line| line.strip_prefix("To: ")).unwrap().to_owned();
        self.mails(now).await.iter().map(|mail| (to(mail), code_of(mail))).collect()
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("mail")
    }

    /// The code of the last mail that was sent.
    pub(crate) async fn code(&self, now: Timestamp) -> String {
        code_of(self.mails(now).await.last().unwrap())
    }
}

/// Everything that is kept, as who takes the disk or a dump away sees it: the files of SQLite with its log, what was
/// overwritten included, or every row of every table.
pub(crate) async fn kept(db: &Db) -> Vec<u8> {
    let mut all = Vec::new();
    if db.engine() == db::Engine::Sqlite {
        let row = db.one("SELECT file FROM pragma_database_list WHERE name = 'main'", args![]).await.unwrap();
        let file: String = row.get("file").unwrap();
        for path in [file.clone(), file + "-wal"] {
            all.extend(std::fs::read(path).unwrap());
        }
        return all;
    }
    let tables = "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = current_schema()";
    for table in db.all(tables, args![]).await.unwrap() {
        let name: String = table.get("name").unwrap();
        let rows: &'static str = format!("SELECT t::text AS line FROM {name} t").leak();
        for row in db.all(rows, args![]).await.unwrap() {
            all.extend(row.get::<String>("line").unwrap().into_bytes());
        }
    }
    all
}

pub(crate) fn code_of(mail: &str) -> String {
    let last = mail.trim_end().lines().last().unwrap();
    last.strip_prefix("@localhost #").unwrap().to_owned()
}

/// A code of the same length that is not it.
pub(crate) fn wrong(code: &str) -> String {
    let flipped = if code.starts_with('0') { "1" } else { "0" };
    format!("{flipped}{}", &code[1..])
}
